"""Train the embedded network anew: `python -m research.distillation.distill` (two hours of a core).

Reads the environment variables DOGS_PHOTOS (a folder with images.tar and annotation.tar of
Stanford Dogs), INCEPTION_PARTIAL (the .npz that `Teacher` takes), and MNIST_FOLDER, FASHION_FOLDER
and CIFAR_FOLDER (the original files of these data sets). Writes the weights that the package ships,
pipeline/scoring/extractors/embedded.safetensors, and evaluation.csv and .png beside this file. What
is slow is kept below `--work`: a second run continues from there.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.common.errors import InputError, PipelineError
from pipeline.common.files import atomic, sha256
from pipeline.common.progress import heading, say
from pipeline.scoring.extractors import embedded
from pipeline.scoring.nearest import nearest
from research.distillation import evaluation, gans, subjects
from research.distillation.data import LabelledImages, fingerprint, read_dogs, rng_for
from research.distillation.evaluation import EvaluationAmounts, SetScores
from research.distillation.student import Recipe, fit_readout, train
from research.distillation.teacher import Teacher, teacher_features
from research.distillation.training_sets import (
    TrainingAmounts,
    draw_dogs,
    generator_samples,
    groups,
    training_sets,
)

ARCHIVES = ("images", "annotation")
# The environment variables of other subjects, the same as of the tests on real data.
DATA_SETS = {
    "mnist": "MNIST_FOLDER", "fashion_mnist": "FASHION_FOLDER", "cifar10": "CIFAR_FOLDER",
}  # fmt: skip
CALIBRATION_SETS = 200
CALIBRATION_IMAGES = 300
# Of the lowest d of real images. d falls below the threshold where about two thirds of what a
# perfect generator makes are copies. It is no higher because drawn dogs, which resemble each other
# more than photos do, must not be taken for copies.
THRESHOLD_MARGIN = 1 / 3


@dataclass(frozen=True)
class Stage:
    """A stage of the training: on what, and how."""

    amounts: TrainingAmounts
    recipe: Recipe


_DOGS_ALONE = replace(TrainingAmounts(), retouched_of_each=0, subjects_of_each=0, scenes_of_each=0)
# The first starts from random weights and fewer images; the others continue from it, on more.
STAGES = (
    Stage(
        replace(
            _DOGS_ALONE,
            photos=7_680, crops=2_048, distorted_of_each=0, random=0, runs=gans.FIRST_RUNS,
        ),
        Recipe(epochs=9),
    ),
    Stage(
        replace(_DOGS_ALONE, crops=2_048, runs=gans.SECOND_RUNS),
        Recipe(epochs=4, lr=1.5e-3, warmup_steps=200, seed=2),
    ),
    Stage(
        replace(_DOGS_ALONE, runs=gans.THIRD_RUNS),
        Recipe(epochs=5, lr=1.5e-3, warmup_steps=200, seed=3),
    ),
    Stage(TrainingAmounts(), Recipe(epochs=6, lr=1.5e-3, warmup_steps=200, seed=4)),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(".ckpt/distill"), help="kept files")
    work = parser.parse_args().work
    try:
        make(
            _path(
                "DOGS_PHOTOS",
                "a folder with images.tar and annotation.tar",
                lambda path: all((path / f"{name}.tar").is_file() for name in ARCHIVES),
            ),
            _path("INCEPTION_PARTIAL", "the .npz of Inception's first layers", Path.is_file),
            subjects.data_set_kinds(
                **{
                    name: _path(variable, "a folder with the original files", Path.is_dir)
                    for name, variable in DATA_SETS.items()
                }
            ),
            work,
            weights=embedded.WEIGHTS,
            report=Path(__file__).parent,
            stages=STAGES,
            evaluation_amounts=EvaluationAmounts(),
        )
    except PipelineError as error:
        sys.exit(f"error: {error}")


def _path(variable: str, what: str, is_valid: Callable[[Path], bool]) -> Path:
    """Return the path in an environment variable; InputError where it is not set or not valid."""
    value = os.environ.get(variable, "")
    if not value or not is_valid(Path(value)):
        raise InputError(f"{variable} = {value!r}: set this environment variable to {what}")
    return Path(value)


def make(
    dogs: Path,
    inception: Path,
    others: Mapping[str, Mapping[str, np.ndarray]],
    work: Path,
    *,
    weights: Path,
    report: Path,
    stages: tuple[Stage, ...],
    evaluation_amounts: EvaluationAmounts,
) -> None:
    """Train, calibrate and evaluate the network.

    Args:
        dogs: holds images.tar and annotation.tar in the layout of Stanford Dogs.
        inception: the .npz that `Teacher` takes.
        others: images of other subjects, as of `subjects.data_set_kinds`.
        work: keeps what is slow to make, under names that tell from what: a changed recipe finds
            nothing that is not its own.
        weights: the file to write.
        report: the folder where evaluation.csv and evaluation.png are written.
    """
    heading("distill", "photos and Inception's features -> the embedded network")
    photos, crops = read_dogs(dogs)
    drawn = draw_dogs(work / "drawn", stages[0].amounts.drawn)
    teacher = Teacher(inception)

    network = train_stages(teacher, photos, crops, drawn, others["training"], work, stages)
    rounded = work / "uncalibrated.safetensors"  # calibrated with the weights as they are saved
    save(network, rounded, threshold=0.0)
    lowest = calibrate(embedded.load(weights=rounded), photos, crops)
    # The shipped file is loaded only as the package knows it, so a new one is evaluated from here.
    calibrated = work / "calibrated.safetensors"
    save(network, calibrated, threshold=THRESHOLD_MARGIN * lowest)
    say(f"memorisation distance of real photos: at least {lowest:.4f}")

    say("evaluating: held-out breeds, generators, kinds and subjects")
    saved = embedded.load(weights=calibrated)
    scores = evaluate(
        saved, teacher, photos, crops, drawn, others["test"], work, evaluation_amounts
    )
    evaluation.write(scores, report)
    say(evaluation.table(scores))
    with atomic(weights) as path:
        shutil.copyfile(calibrated, path)
    say(f"{weights}: its SHA-256, for WEIGHTS_SHA256 in embedded.py, is {sha256(weights)}")


def train_stages(
    teacher: Teacher,
    photos: LabelledImages,
    crops: LabelledImages,
    drawn: tuple[LabelledImages, LabelledImages],
    others: Mapping[str, np.ndarray],
    work: Path,
    stages: tuple[Stage, ...],
) -> embedded.Network:
    """Return the network trained on the teacher's features, its last layer fitted. What `work`
    keeps of a stage is not trained again."""
    from safetensors.torch import load_file, save_file

    seen = [each.of("training") for each in (photos, crops, *drawn)]
    network, made_from = None, ""
    for number, stage in enumerate(stages, 1):
        say(f"stage {number} of {len(stages)}: Inception's features of the training images")
        sets = dict(
            training_sets(seen[0], seen[1], (seen[2], seen[3]), others, work, stage.amounts)
        )
        targets = np.concatenate(
            [
                teacher_features(teacher, name, images, work / "teacher")
                for name, images in sets.items()
            ]
        )
        clean = len(sets["photos"])
        images = np.concatenate(list(sets.values()))
        made_from = fingerprint(made_from, images, targets, repr(stage.recipe))
        kept = work / f"network.{made_from}.safetensors"
        if not kept.is_file():
            trained = train(images, targets, clean, stage.recipe, network)
            with atomic(kept) as path:
                save_file(trained.state_dict(), path)
        network = embedded.Network().eval()
        network.load_state_dict(load_file(kept))
    rows = groups(sets, stage.amounts)
    fit_readout(network, images, targets[:, : embedded.DIMENSIONS], clean, rows)
    return network


def evaluate(
    network: embedded.Embedded,
    teacher: Teacher,
    photos: LabelledImages,
    crops: LabelledImages,
    drawn: tuple[LabelledImages, LabelledImages],
    others: Mapping[str, np.ndarray],
    work: Path,
    amounts: EvaluationAmounts,
) -> list[SetScores]:
    """Return the scores by both networks of sets that were not trained on."""
    unseen = [each.of("test") for each in (photos, crops)]
    unseen += [each.of("validation", "test") for each in drawn]  # 3 of the 16 drawn breeds
    samples = {
        f"{name} {round(100 * share)}": images
        for name, made in generator_samples(
            amounts.runs, unseen[0], unseen[1], work, amounts.samples
        )
        for share, images in zip(gans.PROGRESS, made, strict=True)
    }
    images = evaluation.evaluation_images(*unseen, others, samples, amounts)
    real_breeds = unseen[0].breeds[evaluation.reference_order(unseen[0])][amounts.reference :]
    sets = evaluation.image_sets(images, real_breeds, tuple(samples), tuple(others), amounts)
    features = {name: network.features(some) for name, some in images.items()}
    inception_features = {
        name: teacher_features(teacher, f"evaluation {name}", some, work / "teacher")[
            :, : embedded.DIMENSIONS
        ]
        for name, some in images.items()
    }
    return evaluation.score_sets(sets, features, inception_features)


def calibrate(network: embedded.Embedded, photos: LabelledImages, crops: LabelledImages) -> float:
    """Return the lowest d of real images: the 1 % quantile over sets of the held-out breeds' images
    against all those of the other breeds, for photos and for crops; the lower of both."""
    quantiles = []
    for real in (photos, crops):
        distances = nearest(
            generated_features=network.features(real.of("validation", "test").images),
            real_features=network.features(real.of("training").images),
        ).distances
        sets = rng_for("calibration").choice(distances, (CALIBRATION_SETS, CALIBRATION_IMAGES))
        quantiles.append(float(np.quantile(sets.mean(1), 0.01)))
    return min(quantiles)


def save(network: embedded.Network, path: Path, *, threshold: float) -> None:
    """Write the weights in half precision, with the threshold as metadata."""
    from safetensors.torch import save_file

    state = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    with atomic(path) as temporary:
        save_file(state, temporary, metadata={"memorization_threshold": repr(round(threshold, 4))})


if __name__ == "__main__":
    main()
