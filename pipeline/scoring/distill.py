"""Makes the embedded network anew: `python -m pipeline.scoring.distill` (about 2 hours on 2 cores).

Reads the environment variables DOGS_PHOTOS (a folder with images.tar and annotation.tar of
Stanford Dogs) and INCEPTION_PARTIAL (the .npz that `Teacher` takes). Writes embedded.safetensors
and judgement.csv beside this file. Everything slow is kept below `--work`, and not made again.
"""

import argparse
import csv
import os
from collections.abc import Iterator
from dataclasses import asdict
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

CORRUPTED_OF_EACH = 800
TRAINING_CROPS = 8000
DRAWN = 1500  # pictures; the default run's number, and its seed
GAN_SAMPLES = 400  # from each generator at each point of its training
CALIBRATION_SETS = 200
CALIBRATION_IMAGES = 300
# A set of honest photos that is the closest to the training photos by chance still has twice the
# threshold: d falls below it where about half of what a perfect generator makes is copied.
THRESHOLD_MARGIN = 0.5


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
    seen = [pictures.of(held_out=False) for pictures in (photos, crops, drawn)]
    unseen = [pictures.of(held_out=True) for pictures in (photos, crops, drawn)]

    say("teaching: Inception's features of the training pictures")
    lessons = dict(training_pictures(*seen, work))
    targets = [taught(teacher, name, images, work / "teacher") for name, images in lessons.items()]
    network = train(np.concatenate(list(lessons.values())), np.concatenate(targets), Recipe())
    save(network, threshold=0.0)  # until it is calibrated with what was saved
    found = calibrate(embedded.load(), photos, crops)
    save(network, threshold=THRESHOLD_MARGIN * found)

    say("judging: held-out breeds, held-out generators")
    samples = dict(generated(distill_gans.HELD_OUT_RUNS, photos, crops, work))
    pictures = distill_judge.judging_pictures(*unseen, samples)
    real_breeds = unseen[0].breeds[distill_judge.reference_order(unseen[0])]
    sets = distill_judge.image_sets(
        pictures, real_breeds[distill_judge.REFERENCE_IMAGES :], tuple(samples)
    )
    verdicts = distill_judge.judge(
        sets,
        {name: embedded.load().features(images) for name, images in pictures.items()},
        {
            name: taught(teacher, f"judge {name}", images, work / "teacher")[
                :, : embedded.DIMENSIONS
            ]
            for name, images in pictures.items()
        },
    )
    with (
        atomic(embedded.WEIGHTS.with_name("judgement.csv")) as path,
        open(path, "w", newline="") as file,
    ):
        table = csv.DictWriter(file, list(asdict(verdicts[0])), lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(verdict) for verdict in verdicts)
    for key, value in distill_judge.correlations(verdicts).items():
        say(f"Spearman correlation with Inception, {key}, {len(verdicts)} sets: {value:.4f}")


def _folder(variable: str, what: str) -> Path:
    path = Path(os.environ.get(variable, ""))
    if not os.environ.get(variable) or not path.exists():
        raise InputError(f"set the environment variable {variable} to {what}")
    return path


def draw(folder: Path) -> Pictures:
    """The default run's drawn dogs, photos and crops together, breed by breed."""
    from pipeline.sources import drawn

    if not (folder / "annotation.tar").is_file():
        drawn.write(folder, pictures=DRAWN, seed=1)
    photos, crops = read_dogs(folder)
    return Pictures(
        np.concatenate([photos.images, crops.images]), np.concatenate([photos.breeds, crops.breeds])
    )


def training_pictures(
    photos: Pictures, crops: Pictures, drawn: Pictures, work: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, pictures) of what the network learns from: half clean, half what goes wrong."""
    rng = rng_for("training")
    both = np.concatenate([photos.images, crops.images])
    yield "photos", photos.images[rng.permutation(len(photos.images))]
    yield "crops", crops.images[rng.permutation(len(crops.images))[:TRAINING_CROPS]]
    yield "drawn", drawn.images

    def some() -> np.ndarray:
        return both[rng.choice(len(both), CORRUPTED_OF_EACH, replace=False)]

    for kind in CORRUPTIONS:
        yield kind, corrupt(some(), kind, None, rng)
    for number in range(3):  # two at once
        first, second = rng.choice(list(CORRUPTIONS), 2, replace=False)
        yield f"mixed {number}", corrupt(corrupt(some(), first, None, rng), second, None, rng)
    yield "degenerate", degenerate(CORRUPTED_OF_EACH, rng)
    yield from generated(distill_gans.TRAINING_RUNS, photos, crops, work)


def generated(
    runs: dict[str, distill_gans.Run], photos: Pictures, crops: Pictures, work: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """("<run> <per cent trained>", samples) of each GAN, trained here or kept from before."""
    for name, run in runs.items():
        path = work / "gans" / f"{name}.npy"
        if not path.is_file():
            say(f"training the GAN {name}: {run}")
            pictures = {"photos": photos, "crops": crops}[run.pictures].images
            made = [each for _, each in distill_gans.sampled_on_the_way(run, pictures, GAN_SAMPLES)]
            write_npy(path, np.stack(made))
        for share, samples in zip(distill_gans.PROGRESS, np.load(path), strict=True):
            yield f"{name} {round(100 * share)}", samples


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
