"""Makes the embedded network anew: `python -m pipeline.scoring.distill` (about 2 hours on 2 cores).

Reads the environment variables DOGS_PHOTOS (a folder with images.tar and annotation.tar of
Stanford Dogs) and INCEPTION_PARTIAL (the .npz that `Teacher` takes). Writes embedded.safetensors
and, beside it, embedded_judgement.csv and .png. What is slow is kept below `--work`: a second run
goes on from there.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.files import atomic, write_npy
from pipeline.progress import heading, say
from pipeline.scoring import distill_gans, distill_judge, embedded
from pipeline.scoring.distill_data import (
    CORRUPTIONS,
    Pictures,
    corrupt,
    degenerate,
    read_dogs,
    rng_for,
)
from pipeline.scoring.distill_student import Recipe, train
from pipeline.scoring.distill_teacher import Teacher, taught
from pipeline.scoring.nearest import nearest

# What the network learns from.
CORRUPTED_OF_EACH = 800  # pictures made of each kind, mixed; TRAINING_CORRUPTED of them are used
TRAINING_PHOTOS = 7680
TRAINING_CROPS = 2048
TRAINING_CORRUPTED = 7680
DRAWN = 1500  # pictures drawn; the default run's number, and its seed
TRAINING_DRAWN = (640, 384)  # photos and crops
GAN_SAMPLES = 400  # made by each generator at each point of its training
TRAINING_SAMPLES = 200  # ... and used
CALIBRATION_SETS = 200
CALIBRATION_IMAGES = 300
# Of what the closest of the honest sets get. d falls below the threshold where about two thirds of
# what a perfect generator makes are copies. It is no higher because drawn dogs, which resemble each
# other more than photos do, must not be taken for copies.
THRESHOLD_MARGIN = 1 / 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(".ckpt/distill"), help="kept files")
    work = parser.parse_args().work
    dogs = _folder("DOGS_PHOTOS", "a folder with images.tar and annotation.tar")
    weights = _folder("INCEPTION_PARTIAL", "the .npz of Inception's first layers")

    heading("distill", "photos and Inception's features -> the embedded network")
    photos, crops = read_dogs(dogs)
    drawn = draw(work / "drawn")
    teacher = Teacher(weights)
    kept = work / "teacher"

    say("teaching: Inception's features of the training pictures")
    seen = [each.of(held_out=False) for each in (photos, crops, *drawn)]
    lessons = dict(training_pictures(seen[0], seen[1], (seen[2], seen[3]), work))
    targets = [taught(teacher, name, images, kept) for name, images in lessons.items()]
    network = train(
        np.concatenate(list(lessons.values())),
        np.concatenate(targets),
        photos=len(lessons["photos"]),
        recipe=Recipe(),
    )
    save(network, threshold=0.0)  # calibrated with the weights as they are saved
    lowest = calibrate(embedded.load(), photos, crops)
    save(network, threshold=THRESHOLD_MARGIN * lowest)
    say(f"memorisation distance of honest photos: at least {lowest:.4f}")

    say("judging: held-out breeds, held-out generators")
    unseen = [each.of(held_out=True) for each in (photos, crops, *drawn)]
    samples = {
        f"{name} {round(100 * share)}": images
        for name, run in generated(distill_gans.HELD_OUT_RUNS, photos, crops, work)
        for share, images in zip(distill_gans.PROGRESS, run, strict=True)
    }
    pictures = distill_judge.judging_pictures(*unseen, samples)
    order = distill_judge.reference_order(unseen[0])
    real_breeds = unseen[0].breeds[order[distill_judge.REFERENCE_IMAGES :]]
    sets = distill_judge.image_sets(pictures, real_breeds, tuple(samples))
    ours = {name: embedded.load().features(images) for name, images in pictures.items()}
    inceptions = {
        name: taught(teacher, f"judge {name}", images, kept)[:, : embedded.DIMENSIONS]
        for name, images in pictures.items()
    }
    verdicts = distill_judge.judge(sets, ours, inceptions)
    distill_judge.write(verdicts, embedded.WEIGHTS.parent)
    for key, value in distill_judge.correlations(verdicts).items():
        say(f"Spearman correlation with Inception, {key}, {len(verdicts)} sets: {value:.4f}")


def _folder(variable: str, what: str) -> Path:
    path = Path(os.environ.get(variable, ""))
    if not os.environ.get(variable) or not path.exists():
        raise InputError(f"set the environment variable {variable} to {what}")
    return path


def draw(folder: Path) -> tuple[Pictures, Pictures]:
    """The default run's drawn dogs: photos and crops."""
    from pipeline.sources import drawn

    if not (folder / "annotation.tar").is_file():
        drawn.write(folder, pictures=DRAWN, seed=1)
    return read_dogs(folder)


def training_pictures(
    photos: Pictures, crops: Pictures, drawn: tuple[Pictures, Pictures], work: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, pictures) of what the network learns from: half clean, half what goes wrong."""
    rng = np.random.default_rng(1)
    yield "photos", photos.images[rng.permutation(len(photos.images))][:TRAINING_PHOTOS]
    some_crops = crops.images[rng.permutation(len(crops.images))[:TRAINING_CROPS]]

    both = np.concatenate([photos.images, crops.images])

    def some() -> np.ndarray:
        return both[rng.choice(len(both), CORRUPTED_OF_EACH, replace=False)]

    spoilt = [corrupt(some(), kind, None, rng) for kind in CORRUPTIONS]
    for _ in range(3):  # two at once
        images = some()
        for kind in rng.choice(list(CORRUPTIONS), 2, replace=False):
            images = corrupt(images, str(kind), None, rng)
        spoilt.append(images)
    spoilt.append(degenerate(CORRUPTED_OF_EACH, rng))
    together = np.concatenate(spoilt)
    yield "corrupted", together[rng.permutation(len(together))][:TRAINING_CORRUPTED]

    yield "crops", some_crops

    rng = rng_for("drawn_train")
    chosen = [
        each.images[rng.choice(len(each.images), count, replace=False)]
        for each, count in zip(drawn, TRAINING_DRAWN, strict=True)
    ]
    yield "drawn", np.concatenate(chosen)[rng.permutation(sum(TRAINING_DRAWN))]
    for name, samples in generated(distill_gans.TRAINING_RUNS, photos, crops, work):
        yield name, np.concatenate([each[:TRAINING_SAMPLES] for each in samples])


def generated(
    runs: dict[str, distill_gans.Run], photos: Pictures, crops: Pictures, work: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, (progress, samples, 64, 64, 3)) of each GAN, trained here or kept from before."""
    for name, run in runs.items():
        path = work / "gans" / f"{name}.npy"
        if not path.is_file():
            say(f"training the GAN {name}: {run}")
            pictures = {"photos": photos, "crops": crops}[run.pictures].images
            made = [each for _, each in distill_gans.sampled_on_the_way(run, pictures, GAN_SAMPLES)]
            write_npy(path, np.stack(made))
        yield name, np.load(path)


def calibrate(network: embedded.Embedded, photos: Pictures, crops: Pictures) -> float:
    """d of honest pictures at its lowest: the 1 % quantile over sets of held-out breeds' pictures
    against all those of the other breeds, for photos and for crops; the lower of both."""
    quantiles = []
    for pictures in (photos, crops):
        distances = nearest(
            generated_features=network.features(pictures.of(held_out=True).images),
            real_features=network.features(pictures.of(held_out=False).images),
        ).distances
        sets = rng_for("calibration").choice(distances, (CALIBRATION_SETS, CALIBRATION_IMAGES))
        quantiles.append(float(np.quantile(sets.mean(1), 0.01)))
    return min(quantiles)


def save(network: embedded.Network, *, threshold: float) -> None:
    """Write the weights in half precision, with the threshold as metadata."""
    from safetensors.torch import save_file

    state = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    with atomic(embedded.WEIGHTS) as path:
        save_file(state, path, metadata={"memorization_threshold": repr(round(threshold, 4))})


if __name__ == "__main__":
    main()
