"""What the embedded network learns from: photos, crops, and everything that goes wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.common.files import write_npy
from pipeline.common.progress import say
from research.distillation import gans as distill_gans
from research.distillation.damage import CORRUPTIONS, DEFORMATIONS, MELTED, corrupt, degenerate
from research.distillation.data import Pictures, fingerprint, read_dogs, rng_for
from research.distillation.shapes import imagined


@dataclass(frozen=True)
class Amounts:
    """How many pictures the network learns from.

    Attributes:
        photos, crops: of the training breeds.
        corrupted_of_each: made of each kind of damage, mixed; `corrupted` of them are used.
        deformed: warped or jumbled, half and half.
        melted_of_each: made of each of eight other ways to spoil shapes.
        imagined: made of the photos' principal components.
        imagined_from: so many photos.
        drawn: pictures drawn; the default run's number, and its seed.
        drawn_photos, drawn_crops: of those, used.
        samples: of each generator at each point of its training.
        spoilt_samples: of those of the first `spoilt_runs` generators, damaged as well.
    """

    photos: int = 16_117
    crops: int = 6_144
    corrupted_of_each: int = 800
    corrupted: int = 7_680
    deformed: int = 1_024
    melted_of_each: int = 768
    imagined: int = 1_024
    imagined_from: int = 3_000
    drawn: int = 1_500
    drawn_photos: int = 640
    drawn_crops: int = 384
    samples: int = 64
    spoilt_samples: int = 2_560
    spoilt_runs: int = 18
    runs: dict[str, distill_gans.Run] = field(default_factory=lambda: distill_gans.TRAINING_RUNS)


def draw(folder: Path, count: int) -> tuple[Pictures, Pictures]:
    """The default run's drawn dogs: photos and crops."""
    from pipeline.data.sources import drawn

    if not (folder / "annotation.tar").is_file():
        drawn.write(folder, pictures=count, seed=1)
    return read_dogs(folder)


def lessons(
    photos: Pictures,
    crops: Pictures,
    drawn: tuple[Pictures, Pictures],
    work: Path,
    amounts: Amounts,
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, pictures) of what the network learns from: half clean, half what goes wrong.

    Args:
        photos, crops, drawn: of the training breeds alone.
        work: keeps the generators' samples.
    """
    rng = np.random.default_rng(1)
    yield "photos", photos.images[rng.permutation(len(photos.images))][: amounts.photos]
    some_crops = crops.images[rng.permutation(len(crops.images))[: amounts.crops]]

    both = np.concatenate([photos.images, crops.images])

    def some() -> np.ndarray:
        return both[rng.choice(len(both), amounts.corrupted_of_each, replace=False)]

    spoilt = [corrupt(some(), kind, None, rng) for kind in CORRUPTIONS]
    for _ in range(3):  # two at once
        images = some()
        for kind in rng.choice(list(CORRUPTIONS), 2, replace=False):
            images = corrupt(images, str(kind), None, rng)
        spoilt.append(images)
    spoilt.append(degenerate(amounts.corrupted_of_each, rng))
    together = np.concatenate(spoilt)
    yield "corrupted", together[rng.permutation(len(together))][: amounts.corrupted]

    yield "crops", some_crops

    rng = rng_for("drawn_train")
    chosen = [
        each.images[rng.choice(len(each.images), count, replace=False)]
        for each, count in zip(drawn, (amounts.drawn_photos, amounts.drawn_crops), strict=True)
    ]
    together = np.concatenate(chosen)
    yield "drawn", together[rng.permutation(len(together))]

    rng = rng_for("deformed")
    parts = np.array_split(rng.choice(both, amounts.deformed, replace=False), len(DEFORMATIONS))
    deformed = [
        corrupt(part, kind, None, rng) for part, kind in zip(parts, DEFORMATIONS, strict=True)
    ]
    yield "deformed", np.concatenate(deformed)

    if amounts.melted_of_each:
        rng = rng_for("melted")
        chosen = rng.choice(both, amounts.melted_of_each * len(MELTED), replace=False)
        parts = np.split(chosen, len(MELTED))
        melted = [corrupt(part, kind, None, rng) for part, kind in zip(parts, MELTED, strict=True)]
        together = np.concatenate(melted)
        yield "melted", together[rng.permutation(len(together))]

    if amounts.imagined:
        rng = rng_for("imagined")
        known = photos.images[rng.permutation(len(photos.images))[: amounts.imagined_from]]
        yield "imagined", imagined(known, amounts.imagined, rng)

    samples = []
    for name, made in generated(amounts.runs, photos, crops, work, amounts.samples):
        samples.append(made.reshape(-1, *made.shape[2:]))
        yield name, samples[-1]
    rng = rng_for("spoilt samples")
    chosen = rng.choice(
        np.concatenate(samples[: amounts.spoilt_runs]), amounts.spoilt_samples, replace=False
    )
    kinds = rng.choice(list(CORRUPTIONS), len(chosen))
    yield (
        "spoilt samples",
        np.concatenate([corrupt(chosen[kinds == kind], kind, None, rng) for kind in CORRUPTIONS]),
    )


def generated(
    runs: dict[str, distill_gans.Run], photos: Pictures, crops: Pictures, work: Path, count: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, (progress, count, 64, 64, 3)) of each generator, trained here or kept from before."""
    real = {"photos": photos.images, "crops": crops.images}
    kinds = {kind: fingerprint(images) for kind, images in real.items()}
    for name, run in runs.items():
        made_from = fingerprint(repr(run), kinds[run.pictures], str(count))
        path = work / "gans" / f"{name}.{made_from}.npy"
        if not path.is_file():
            say(f"training the generator {name}: {run}")
            made = [
                each for _, each in distill_gans.sampled_on_the_way(run, real[run.pictures], count)
            ]
            write_npy(path, np.stack(made))
        yield name, np.load(path)
