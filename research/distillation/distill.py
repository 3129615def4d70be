"""Make the embedded network anew: `python -m research.distillation.distill` (two hours of a core).

Reads the environment variables DOGS_PHOTOS (a folder with images.tar and annotation.tar of
Stanford Dogs) and INCEPTION_PARTIAL (the .npz that `Teacher` takes). Writes embedded.safetensors
and, beside it, embedded_judgement.csv and .png. What is slow is kept below `--work`: a second run
goes on from there.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.common.errors import InputError
from pipeline.common.files import atomic
from pipeline.common.progress import heading, say
from pipeline.scoring.extractors import embedded
from pipeline.scoring.nearest import nearest
from research.distillation import gans as distill_gans
from research.distillation import judge as distill_judge
from research.distillation.data import Pictures, fingerprint, read_dogs, rng_for
from research.distillation.lessons import Amounts, draw, generated, lessons
from research.distillation.student import Recipe, fit_readout, train
from research.distillation.teacher import Teacher, taught

CALIBRATION_SETS = 200
CALIBRATION_IMAGES = 300
# Of what the closest of the honest sets get. d falls below the threshold where about two thirds of
# what a perfect generator makes are copies. It is no higher because drawn dogs, which resemble each
# other more than photos do, must not be taken for copies.
THRESHOLD_MARGIN = 1 / 3


@dataclass(frozen=True)
class Stage:
    """A stretch of training: what is learned, and how."""

    amounts: Amounts
    recipe: Recipe


# The first makes a network from nothing on fewer lessons; the others go on from it, on more.
STAGES = (
    Stage(
        Amounts(
            photos=7_680, crops=2_048, melted_of_each=0, imagined=0, runs=distill_gans.FIRST_RUNS
        ),
        Recipe(epochs=9),
    ),
    Stage(
        Amounts(crops=2_048, runs=distill_gans.SECOND_RUNS),
        Recipe(epochs=4, lr=1.5e-3, warmup_steps=200, seed=2),
    ),
    Stage(Amounts(), Recipe(epochs=5, lr=1.5e-3, warmup_steps=200, seed=3)),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(".ckpt/distill"), help="kept files")
    work = parser.parse_args().work
    dogs = _path("DOGS_PHOTOS", "a folder with images.tar and annotation.tar")
    weights = _path("INCEPTION_PARTIAL", "the .npz of Inception's first layers")
    make(
        dogs,
        weights,
        work,
        into=embedded.WEIGHTS,
        stages=STAGES,
        judgement=distill_judge.Amounts(),
    )


def _path(variable: str, what: str) -> Path:
    path = Path(os.environ.get(variable, ""))
    if not os.environ.get(variable) or not path.exists():
        raise InputError(f"set the environment variable {variable} to {what}")
    return path


def make(
    dogs: Path,
    inception: Path,
    work: Path,
    *,
    into: Path,
    stages: tuple[Stage, ...],
    judgement: distill_judge.Amounts,
) -> None:
    """Train, calibrate and judge the network; write the weights `into`, the judgement beside them.

    Args:
        dogs: holds images.tar and annotation.tar in the layout of Stanford Dogs.
        inception: the .npz that `Teacher` takes.
        work: keeps what is slow to make, under names that tell from what: a changed recipe finds
            nothing that is not its own.
    """
    heading("distill", "photos and Inception's features -> the embedded network")
    photos, crops = read_dogs(dogs)
    drawn = draw(work / "drawn", stages[0].amounts.drawn)
    teacher = Teacher(inception)

    network = learned(teacher, photos, crops, drawn, work, stages)
    rounded = work / "uncalibrated.safetensors"  # calibrated with the weights as they are saved
    save(network, rounded, threshold=0.0)
    lowest = calibrate(embedded.load(weights=rounded), photos, crops)
    save(network, into, threshold=THRESHOLD_MARGIN * lowest)
    say(f"memorisation distance of honest photos: at least {lowest:.4f}")

    say("judging: held-out breeds, held-out generators")
    verdicts = judged(embedded.load(weights=into), teacher, photos, crops, drawn, work, judgement)
    distill_judge.write(verdicts, into.parent)
    say(distill_judge.table(verdicts))


def learned(
    teacher: Teacher,
    photos: Pictures,
    crops: Pictures,
    drawn: tuple[Pictures, Pictures],
    work: Path,
    stages: tuple[Stage, ...],
) -> embedded.Network:
    """The network trained on the teacher's features, or kept from before, its last layer fitted."""
    from safetensors.torch import load_file, save_file

    seen = [each.of("training") for each in (photos, crops, *drawn)]
    network, made_from = None, ""
    for number, stage in enumerate(stages, 1):
        say(f"stage {number} of {len(stages)}: Inception's features of the training pictures")
        pictures = dict(lessons(seen[0], seen[1], (seen[2], seen[3]), work, stage.amounts))
        targets = np.concatenate(
            [taught(teacher, name, some, work / "teacher") for name, some in pictures.items()]
        )
        clean = len(pictures["photos"])
        images = np.concatenate(list(pictures.values()))
        made_from = fingerprint(made_from, images, targets, repr(stage.recipe))
        kept = work / f"network.{made_from}.safetensors"
        if not kept.is_file():
            trained = train(images, targets, clean, stage.recipe, network)
            with atomic(kept) as path:
                save_file(trained.state_dict(), path)
        network = embedded.Network().eval()
        network.load_state_dict(load_file(kept))
    groups, start = [], 0
    for name, some in pictures.items():
        if name in stage.amounts.runs:
            each = stage.amounts.samples
            groups += [slice(i, i + each) for i in range(start, start + len(some), each)]
        start += len(some)
    wanted = targets[:, : embedded.DIMENSIONS]
    fit_readout(network, images, wanted, clean, groups)
    return network


def judged(
    network: embedded.Embedded,
    teacher: Teacher,
    photos: Pictures,
    crops: Pictures,
    drawn: tuple[Pictures, Pictures],
    work: Path,
    amounts: distill_judge.Amounts,
) -> list[distill_judge.Verdict]:
    """Both networks' scores of sets that neither was trained on."""
    unseen = [each.of("judging") for each in (photos, crops)]
    unseen += [each.of("validation", "judging") for each in drawn]  # 3 of the 16 drawn breeds
    samples = {
        f"{name} {round(100 * share)}": images
        for name, run in generated(amounts.runs, unseen[0], unseen[1], work, amounts.samples)
        for share, images in zip(distill_gans.PROGRESS, run, strict=True)
    }
    pictures = distill_judge.judging_pictures(*unseen, samples, amounts)
    real_breeds = unseen[0].breeds[distill_judge.reference_order(unseen[0])][amounts.reference :]
    sets = distill_judge.image_sets(pictures, real_breeds, tuple(samples), amounts)
    ours = {name: network.features(images) for name, images in pictures.items()}
    inceptions = {
        name: taught(teacher, f"judge {name}", images, work / "teacher")[:, : embedded.DIMENSIONS]
        for name, images in pictures.items()
    }
    return distill_judge.judge(sets, ours, inceptions)


def calibrate(network: embedded.Embedded, photos: Pictures, crops: Pictures) -> float:
    """d of honest pictures at its lowest: the 1 % quantile over sets of held-out breeds' pictures
    against all those of the other breeds, for photos and for crops; the lower of both."""
    quantiles = []
    for pictures in (photos, crops):
        distances = nearest(
            generated_features=network.features(pictures.of("validation", "judging").images),
            real_features=network.features(pictures.of("training").images),
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
