"""Get what the Sudoku needs: a generator of digits, a classifier that reads them, and the pool of
certified digits; what is missing is made in a folder of its own, .ckpt/sudoku."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import content, params, presets
from pipeline.data.dataset import Dataset
from pipeline.models.saved import SavedGenerator
from pipeline.scoring.classifier import saved as classifiers
from pipeline.stages import classify, crop, download, train
from pipeline.sudoku.digits import certificate, pool, pool_file
from pipeline.sudoku.digits.pool import DIGITS, Pool

if TYPE_CHECKING:
    from pipeline.config.schema import Params
    from pipeline.scoring.classifier.saved import SavedClassifier

# Offline, and done in a few minutes.
PRESET = "digits-dcgan"
_CHANGES = {"classifier.train": True, "classifier.images": 40_000}


@dataclass(frozen=True)
class Supply:
    """Certified digits, and where they come from.

    Attributes:
        source: the images that the generator was trained on, in words.
        family: of the generator.
        images_seen: by the generator in training.
        test_accuracy: of the classifier, on images that it was not trained on.
        test_images: how many these were.
    """

    pool: Pool
    source: str
    family: str
    images_seen: int
    test_accuracy: float
    test_images: int


class _WithItsOwnClassifier(Paths):
    """A run that is read only: its classifier is kept with the Sudoku."""

    @property
    def classifier(self) -> Path:
        return own_paths(self).root / "classifier.pt"

    @property
    def classifier_json(self) -> Path:
        return own_paths(self).root / "classifier.json"


def own_paths(paths: Paths) -> Paths:
    """Return the files of what is made for the Sudoku alone."""
    return Paths(paths.keep / "sudoku")


def prepare(paths: Paths, params_file: Path) -> Supply:
    """Return the digits, made by the run's own model where it is one of digits, else by a model of
    the preset `PRESET`, which is trained first if need be. Nothing of the run is changed.

    Raises:
        InputError: a file is damaged, or the generator makes a digit too seldom.
        PipelineError: as the stages.
    """
    run, classifier, source = networks(paths, params_file)
    generator = SavedGenerator.load(run.generator, torch.device("cpu"))
    cache = own_paths(paths).root / "pool.zip"
    made_from = hashlib.sha256(
        f"{certificate.VERSION} {files.sha256(run.generator)} {classifier.identity}".encode()
    ).hexdigest()
    found = pool_file.load(cache, made_from)
    if found is None:
        progress.heading("digits", "samples that the classifier reads without doubt")
        found = pool.make(generator, classifier)
        pool_file.save(cache, found, made_from)
    info = classifier.info
    progress.say(
        f"{sum(map(len, found.pictures)):,} certified digits, {found.accepted_share:.0%} of "
        f"{sum(found.tried):,} samples; the classifier reads {info.test_accuracy:.1%} of "
        f"{info.test_images:,} test images right"
    )
    return Supply(
        pool=found,
        source=source,
        family=generator.info.family,
        images_seen=generator.info.images_seen,
        test_accuracy=info.test_accuracy,
        test_images=info.test_images,
    )


def networks(paths: Paths, params_file: Path) -> tuple[Paths, SavedClassifier, str]:
    """Return the run whose generator is taken, the classifier, and the data's name in words.

    Raises:
        InputError, PipelineError: as `prepare`.
    """
    if _is_of_digits(paths):
        data = params.load(params_file).data.source
        return paths, _classifier_of_run(paths, params_file), f"the data set {data}"
    own = own_paths(paths)
    source = "the 1,797 handwritten digits that come with scikit-learn"
    return own, _made(own, presets.folder_of(params_file)), source


def _is_of_digits(paths: Paths) -> bool:
    """Return whether there is a generator, and digits that it was trained on."""
    if not (paths.generator.is_file() and paths.crops.is_file() and paths.index.is_file()):
        return False
    return Dataset.load(paths.crops, paths.index).class_names == DIGITS


def _classifier_of_run(paths: Paths, params_file: Path) -> SavedClassifier:
    """Return the run's classifier; where it has none, one trained on its data."""
    if paths.classifier.is_file() and (found := _loaded(paths)):
        return found
    own = _WithItsOwnClassifier(paths.root)
    if not own.classifier.is_file():
        settings = params.load(params_file)
        wanted = settings.classifier.model_copy(update={"train": True})
        classify.run(own, device=settings.device, classifier=wanted)
    found = _loaded(own)
    if found is None:
        raise InputError(f"{own.classifier}: empty; remove it and run again")
    return found


def _made(own: Paths, folder: Path) -> SavedClassifier:
    """Run what is missing of the stages in the Sudoku's own folder; return the classifier."""
    settings = _settings(folder)
    if not own.generator.is_file():
        progress.say(f"no model of digits at hand: one is made in {own.root}, in a few minutes")
    if not own.index.is_file():
        download.run(own, data=settings.data, competition=settings.competition)
        crop.run(own, crop=settings.crop)
    if not own.classifier.is_file():
        classify.run(own, device=settings.device, classifier=settings.classifier)
    if not own.generator.is_file():
        train.run(own, device=settings.device, model=settings.model, train=settings.train)
    found = _loaded(own)
    if found is None:
        raise InputError(f"{own.classifier}: empty; remove it and run again")
    return found


def _settings(folder: Path) -> Params:
    chosen = presets.read(folder, presets.DEFAULT).values | presets.read(folder, PRESET).values
    return params.parse(content.nest(chosen | _CHANGES), where=f"presets/{PRESET}.yaml")


def _loaded(paths: Paths) -> SavedClassifier | None:
    return classifiers.load(paths.classifier, torch.device("cpu"))
