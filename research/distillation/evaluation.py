"""How well the embedded network agrees with Inception: sets of unseen images, scored by both."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from pipeline.common.files import atomic
from pipeline.scoring import mifid
from research.distillation import families, gans, subjects
from research.distillation.corruptions import UNSEEN_CORRUPTIONS, corrupt
from research.distillation.data import LabelledImages, rng_for
from research.distillation.families import FamilyRun

# Part of every draw's seed. Whoever has chosen anything by an evaluation's outcome makes the next
# one under another name, of other generators.
SEED_NAME = "third judgement"
STRENGTHS = (0.2, 0.7)
TESTED_CORRUPTIONS = (
    "blur", "noise", "jpeg", "colour_cast", "checkerboard", "mirror_half", "palette", "sharpen",
    "frame", *UNSEEN_CORRUPTIONS,
)  # fmt: skip
NEAR_COPIES = (("flip", 0.5), ("zoom_in", 0.2), ("zoom_in", 0.8), ("shift", 0.3), ("noise", 0.05),
               ("jpeg", 0.3))  # fmt: skip
COPY_SHARES = (0.001, 0.01, 0.05, 0.25, 0.5, 1.0)
BREEDS = (1, 2, 4, 8, 12)  # left of the 16


@dataclass(frozen=True)
class EvaluationAmounts:
    """How many images the sets have.

    Attributes:
        images: in a set.
        samples: in a generator's.
        copy_images: in one that mixes copies with others, down to 0.1 % of them; drawn with
            replacement where there are fewer.
        reference: test photos on the real side; the rest of them are the unseen real images.
        runs: the generators.
    """

    images: int = 200
    samples: int = 200
    copy_images: int = 1000
    reference: int = 1600
    runs: Mapping[str, gans.Run | FamilyRun] = field(
        default_factory=lambda: gans.HELD_OUT_RUNS | families.HELD_OUT_RUNS
    )


@dataclass(frozen=True)
class ImageSet:
    """A set to score.

    Attributes:
        family: its group in the table.
        rows: which rows of which named arrays of images are in it.
    """

    name: str
    family: str
    rows: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class SetScores:
    """FID and memorisation distance of one set, by the embedded network and by Inception."""

    name: str
    family: str
    fid: float
    inception_fid: float
    distance: float
    inception_distance: float


def evaluation_images(
    photos: LabelledImages,
    crops: LabelledImages,
    drawn_photos: LabelledImages,
    drawn_crops: LabelledImages,
    others: Mapping[str, np.ndarray],
    samples: Mapping[str, np.ndarray],
    amounts: EvaluationAmounts,
) -> dict[str, np.ndarray]:
    """Return all images that the sets are made of, by name; "reference" is the real side.

    Args:
        photos, crops, drawn_photos, drawn_crops: of the held-out breeds.
        others: images of other subjects, by kind.
        samples: by "<run> <per cent trained>".
    """
    order = reference_order(photos)
    reference = photos.images[order[: amounts.reference]]
    real = photos.images[order[amounts.reference :]]
    images = {"reference": reference, "real": real}

    def choose(name: str, among: np.ndarray) -> tuple[np.ndarray, np.random.Generator]:
        rng = rng_for(f"{SEED_NAME}: {name}")
        return among[rng.choice(len(among), amounts.images, replace=False)], rng

    images["box crops"], _ = choose("box crops", crops.images)
    images["drawn dogs"], _ = choose(
        "drawn dogs", np.concatenate([drawn_photos.images, drawn_crops.images])
    )
    for kind, pictures in others.items():
        images[kind] = subjects.chosen(pictures, amounts.images, rng_for(f"{SEED_NAME}: {kind}"))
    for kind in subjects.UNSEEN_SCENES:
        images[kind] = subjects.drawn(kind, amounts.images, rng_for(f"{SEED_NAME}: {kind}"))
    for kind in TESTED_CORRUPTIONS:
        for strength in STRENGTHS:
            name = f"{kind} {strength}"
            chosen, rng = choose(name, real)
            images[name] = corrupt(chosen, kind, strength, rng)
    for kind, strength in NEAR_COPIES:
        name = f"copies {kind} {strength}"
        chosen, rng = choose(name, reference)
        images[name] = corrupt(chosen, kind, strength, rng)
    return images | dict(samples)


def reference_order(photos: LabelledImages) -> np.ndarray:
    """Return the photos' rows in random order: the reference's first, then those of "real"."""
    return rng_for(f"{SEED_NAME}: reference").permutation(len(photos.images))


def image_sets(
    images: Mapping[str, np.ndarray],
    real_breeds: np.ndarray,
    samples: tuple[str, ...],
    others: tuple[str, ...],
    amounts: EvaluationAmounts,
) -> list[ImageSet]:
    """Return the sets, as rows of `images`, so that each image's features are computed once.

    Args:
        real_breeds: the breeds of `images["real"]`.
        samples: names of the generated ones among `images`, a run's in order of progress.
        others: names of those of other subjects, of the data sets.
    """
    rng = rng_for(f"{SEED_NAME}: image sets")

    def choose(name: str, count: int) -> np.ndarray:
        return rng.choice(len(images[name]), count, replace=count > len(images[name]))

    def whole(name: str, family: str) -> ImageSet:
        return ImageSet(name, family, {name: np.arange(len(images[name]))})

    sets = [ImageSet("real photos", "real", {"real": choose("real", amounts.images)})]
    sets += [whole("box crops", "real"), whole("drawn dogs", "drawn")]
    sets += [whole(name, "generator") for name in samples]
    sets += [whole(name, "other subject") for name in (*others, *subjects.UNSEEN_SCENES)]
    for kind in TESTED_CORRUPTIONS:
        family = "unseen corruption" if kind in UNSEEN_CORRUPTIONS else "corruption"
        sets += [whole(f"{kind} {strength}", family) for strength in STRENGTHS]
    sets += [whole(f"copies {kind} {strength}", "near-copies") for kind, strength in NEAR_COPIES]

    breeds = rng.permutation(np.unique(real_breeds))
    for count in BREEDS:
        among = np.flatnonzero(np.isin(real_breeds, breeds[:count]))
        rows = rng.choice(among, amounts.images, replace=len(among) < amounts.images)
        sets.append(ImageSet(f"{count} of {len(breeds)} breeds", "dropped breeds", {"real": rows}))

    # Copies among real images, and among those of half and fully trained generators.
    trained = [name for name in samples if int(name.split()[-1]) >= 50]
    for share in COPY_SHARES:
        copies = round(amounts.copy_images * share)
        rest = amounts.copy_images - copies
        rows = {"reference": choose("reference", copies)}
        sets.append(
            ImageSet(f"{share:.1%} copies, real", "copies", {**rows, "real": choose("real", rest)})
        )
        if share < 1:
            parts = np.array_split(np.arange(rest), len(trained))
            fakes = {
                name: choose(name, len(part)) for name, part in zip(trained, parts, strict=True)
            }
            sets.append(ImageSet(f"{share:.1%} copies, generated", "copies", {**rows, **fakes}))
    for kind, strength in NEAR_COPIES:
        name = f"copies {kind} {strength}"
        for share in (0.1, 0.5):
            copies = round(amounts.images * share)
            parts = np.array_split(np.arange(amounts.images - copies), len(trained))
            fakes = {
                each: choose(each, len(part)) for each, part in zip(trained, parts, strict=True)
            }
            rows = {name: choose(name, copies), **fakes}
            sets.append(ImageSet(f"{share:.0%} {name}, generated", "near-copies", rows))
    return sets


def score_sets(
    sets: list[ImageSet],
    features: Mapping[str, np.ndarray],
    inception_features: Mapping[str, np.ndarray],
) -> list[SetScores]:
    """Return the scores of each set by both networks, given the features of the named images."""
    networks = [
        (named, mifid.statistics(named["reference"])) for named in (features, inception_features)
    ]
    scores = []
    for each in sets:
        fids, distances = [], []
        for named, reference in networks:
            generated = np.concatenate([named[name][rows] for name, rows in each.rows.items()])
            fids.append(mifid.fid(generated=mifid.statistics(generated), real=reference))
            distances.append(
                mifid.memorization_distance(
                    generated_features=generated, real_features=named["reference"]
                )
            )
        scores.append(SetScores(each.name, each.family, *fids, *distances))
    return scores


def correlations(scores: list[SetScores]) -> dict[str, float]:
    """Return Spearman's rank correlation of FID and of the memorisation distance, over the sets."""
    from scipy.stats import spearmanr

    found = {}
    for key in ("fid", "distance"):
        ours = [getattr(each, key) for each in scores]
        inceptions = [getattr(each, f"inception_{key}") for each in scores]
        found[key] = float(spearmanr(ours, inceptions).statistic)
    return found


def table(scores: list[SetScores]) -> str:
    """Return the correlations over all sets and each family of more than four, in Markdown."""
    families = list(dict.fromkeys(each.family for each in scores))
    groups = {"all": scores} | {
        family: [each for each in scores if each.family == family] for family in families
    }
    lines = ["| sets | number | FID | memorisation distance |", "|---|---|---|---|"]
    for name, group in groups.items():
        if len(group) > 4:
            found = correlations(group)
            lines.append(
                f"| {name} | {len(group)} | {found['fid']:.3f} | {found['distance']:.3f} |"
            )
    return "\n".join(lines)


def write(scores: list[SetScores], folder: Path) -> None:
    """Write evaluation.csv and evaluation.png into `folder`."""
    with (
        atomic(folder / "evaluation.csv") as path,
        open(path, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(asdict(scores[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(each) for each in scores)
    plot(scores, folder / "evaluation.png")


def plot(scores: list[SetScores], path: Path) -> None:
    """Write scatter plots of both scores, ours against Inception's, a colour for each family."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    families = list(dict.fromkeys(each.family for each in scores))
    for axes, key, label in zip(
        figure.subplots(1, 2), ("fid", "distance"), ("FID", "memorisation distance"), strict=True
    ):
        for number, family in enumerate(families):
            group = [each for each in scores if each.family == family]
            axes.scatter(
                [getattr(each, f"inception_{key}") for each in group],
                [getattr(each, key) for each in group],
                s=18,
                color=f"C{number}",
                label=family,
            )
        axes.set_xlabel(f"{label}, Inception's 768-d layer")
        axes.set_ylabel(f"{label}, embedded network")
        axes.set_title(f"Spearman {correlations(scores)[key]:.3f}, {len(scores)} sets")
        axes.grid(alpha=0.3)
        if key == "fid":
            axes.set_xscale("log")
            axes.set_yscale("log")
    figure.axes[0].legend(fontsize=8)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
