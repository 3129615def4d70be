"""The images that the embedded network is trained on: photos, crops, corrupted ones, other
subjects, samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.common import npy
from pipeline.common.progress import say
from pipeline.data.drawn import archives
from research.distillation import families, gans, subjects
from research.distillation.corruptions import (
    CORRUPTIONS,
    DEFORMATIONS,
    DISTORTIONS,
    RETOUCHES,
    corrupt,
    degenerate,
)
from research.distillation.data import LabelledImages, fingerprint, read_dogs, rng_for
from research.distillation.families import FamilyRun
from research.distillation.principal_components import random_images


@dataclass(frozen=True)
class TrainingAmounts:
    """How many images the network is trained on.

    Attributes:
        photos, crops: of the training breeds.
        corrupted_of_each: made by each kind of corruption, mixed; `corrupted` of them are used.
        deformed: by the two kinds of `DEFORMATIONS`, half and half.
        distorted_of_each: made by each kind of `DISTORTIONS`.
        random: made of the principal components of `random_from` photos.
        drawn: dogs to draw; the default run's number.
        drawn_photos, drawn_crops: of those, used.
        samples: of each generator at each point of its training.
        corrupted_samples: of those of the first `corrupted_runs` generators, corrupted as well.
        retouched_of_each: made by each kind of `RETOUCHES`.
        subjects_of_each: of each kind of the course's data sets.
        scenes_of_each: of each kind of drawn scene.
        runs: the generators by name.
    """

    photos: int = 16_117
    crops: int = 6_144
    corrupted_of_each: int = 800
    corrupted: int = 7_680
    deformed: int = 1_024
    distorted_of_each: int = 768
    random: int = 1_024
    random_from: int = 3_000
    drawn: int = 1_500
    drawn_photos: int = 640
    drawn_crops: int = 384
    samples: int = 64
    corrupted_samples: int = 2_560
    corrupted_runs: int = 18
    retouched_of_each: int = 640
    subjects_of_each: int = 448
    scenes_of_each: int = 448
    runs: Mapping[str, gans.Run | FamilyRun] = field(
        default_factory=lambda: gans.TRAINING_RUNS | families.TRAINING_RUNS
    )


def groups(sets: Mapping[str, np.ndarray], amounts: TrainingAmounts) -> list[slice]:
    """Return the rows of each generator's samples at each point of its training, where the sets lie
    one after the other."""
    found, start = [], 0
    for name, images in sets.items():
        if name in amounts.runs:
            size = amounts.samples
            found += [slice(i, i + size) for i in range(start, start + len(images), size)]
        start += len(images)
    return found


def draw_dogs(folder: Path, count: int) -> tuple[LabelledImages, LabelledImages]:
    """Return the photos and crops of the default run's drawn dogs, drawn into `folder` once."""
    if not (folder / "annotation.tar").is_file():
        archives.write(folder, pictures=count, seed=1)
    return read_dogs(folder)


def training_sets(
    photos: LabelledImages,
    crops: LabelledImages,
    drawn: tuple[LabelledImages, LabelledImages],
    others: Mapping[str, np.ndarray],
    work: Path,
    amounts: TrainingAmounts,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the training images as (name, (N, 64, 64, 3) uint8): about half are clean.

    Args:
        photos, crops, drawn: of the training breeds alone.
        others: images of other subjects by kind, as in `subjects.data_set_kinds`.
        work: keeps the generators' samples.
    """
    rng = np.random.default_rng(1)
    yield "photos", photos.images[rng.permutation(len(photos.images))][: amounts.photos]
    chosen_crops = crops.images[rng.permutation(len(crops.images))[: amounts.crops]]
    both = np.concatenate([photos.images, crops.images])
    yield "corrupted", _corrupted(both, amounts, rng)
    yield "crops", chosen_crops

    stream = rng_for("drawn_train")
    yield (
        "drawn",
        _shuffled(
            [
                each.images[stream.choice(len(each.images), count, replace=False)]
                for each, count in zip(
                    drawn, (amounts.drawn_photos, amounts.drawn_crops), strict=True
                )
            ],
            stream,
        ),
    )

    stream = rng_for("deformed")
    chosen = stream.choice(both, amounts.deformed, replace=False)
    yield "deformed", np.concatenate(_each_kind(chosen, list(DEFORMATIONS), stream))

    if amounts.distorted_of_each:
        stream = rng_for("melted")
        count = amounts.distorted_of_each * len(DISTORTIONS)
        chosen = stream.choice(both, count, replace=False)
        yield "distorted", _shuffled(_each_kind(chosen, list(DISTORTIONS), stream), stream)

    if amounts.random:
        stream = rng_for("imagined")
        known = photos.images[stream.permutation(len(photos.images))[: amounts.random_from]]
        yield "random", random_images(known, amounts.random, stream)

    samples = []
    for name, made in generator_samples(amounts.runs, photos, crops, work, amounts.samples):
        samples.append(made.reshape(-1, *made.shape[2:]))
        yield name, samples[-1]
    stream = rng_for("spoilt samples")
    chosen = stream.choice(
        np.concatenate(samples[: amounts.corrupted_runs]), amounts.corrupted_samples, replace=False
    )
    kinds = stream.choice(list(CORRUPTIONS), len(chosen))
    corrupted = [corrupt(chosen[kinds == kind], kind, None, stream) for kind in CORRUPTIONS]
    yield "corrupted samples", np.concatenate(corrupted)

    if amounts.retouched_of_each:
        for kind in RETOUCHES:
            stream = rng_for(f"retouched {kind}")
            chosen = stream.choice(both, amounts.retouched_of_each, replace=False)
            yield f"retouched {kind}", corrupt(chosen, kind, None, stream)
    if amounts.subjects_of_each:
        for kind, images in others.items():
            yield (
                f"subject {kind}",
                subjects.chosen(images, amounts.subjects_of_each, rng_for(f"subject {kind}")),
            )
    if amounts.scenes_of_each:
        for kind in subjects.SCENES:
            stream = rng_for(f"scene {kind}")
            yield f"scene {kind}", subjects.drawn(kind, amounts.scenes_of_each, stream)


def _corrupted(
    images: np.ndarray, amounts: TrainingAmounts, rng: np.random.Generator
) -> np.ndarray:
    """Return images with one corruption of each kind, with two at once, and degenerate ones."""

    def choose() -> np.ndarray:
        return images[rng.choice(len(images), amounts.corrupted_of_each, replace=False)]

    parts = [corrupt(choose(), kind, None, rng) for kind in CORRUPTIONS]
    for _ in range(3):
        twice = choose()
        for kind in rng.choice(list(CORRUPTIONS), 2, replace=False):
            twice = corrupt(twice, str(kind), None, rng)
        parts.append(twice)
    parts.append(degenerate(amounts.corrupted_of_each, rng))
    return _shuffled(parts, rng)[: amounts.corrupted]


def _each_kind(images: np.ndarray, kinds: list[str], rng: np.random.Generator) -> list[np.ndarray]:
    """Return the images in equal parts, each part corrupted by one of the kinds."""
    parts = np.array_split(images, len(kinds))
    return [corrupt(part, kind, None, rng) for part, kind in zip(parts, kinds, strict=True)]


def _shuffled(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    together = np.concatenate(parts)
    return together[rng.permutation(len(together))]


def generator_samples(
    runs: Mapping[str, gans.Run | FamilyRun],
    photos: LabelledImages,
    crops: LabelledImages,
    work: Path,
    count: int,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the samples of each generator as (name, (len(PROGRESS), count, 64, 64, 3) uint8).

    It is trained here, unless `work` keeps the samples of the same run on the same images.
    """
    real = {"photos": photos.images, "crops": crops.images}
    contents = {kind: fingerprint(images) for kind, images in real.items()}
    for name, run in runs.items():
        module, about = gans, repr(run)
        if isinstance(run, FamilyRun):
            module, about = families, f"{run} {run.settings}"
        made_from = fingerprint(about, contents[run.trained_on], str(count))
        path = work / "gans" / f"{name}.{made_from}.npy"
        if not path.is_file():
            say(f"training the generator {name}: {run}")
            made = [each for _, each in module.train_and_sample(run, real[run.trained_on], count)]
            npy.write(path, np.stack(made))
        yield name, np.load(path)
