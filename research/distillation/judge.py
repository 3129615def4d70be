"""How well the embedded network follows Inception: image sets that neither saw, scored by both."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from pipeline.common.files import atomic
from pipeline.scoring import mifid
from research.distillation import gans as distill_gans
from research.distillation.damage import CORRUPTIONS, UNSEEN_CORRUPTIONS, corrupt
from research.distillation.data import Pictures, rng_for

# Part of every draw's seed. Whoever has chosen anything by a judgement's outcome makes the next one
# under another name, of other generators.
JUDGEMENT = "second judgement"
STRENGTHS = (0.2, 0.7)
JUDGED_CORRUPTIONS = (
    "blur", "noise", "jpeg", "colour_cast", "checkerboard", *UNSEEN_CORRUPTIONS,
)  # fmt: skip
NEAR_COPIES = (("flip", 0.5), ("zoom_in", 0.2), ("zoom_in", 0.8), ("shift", 0.3), ("noise", 0.05),
               ("jpeg", 0.3))  # fmt: skip
COPY_SHARES = (0.001, 0.01, 0.05, 0.25, 0.5, 1.0)
BREEDS = (1, 2, 4, 8, 12)  # left of the 16


@dataclass(frozen=True)
class Amounts:
    """How many pictures the sets have.

    Attributes:
        images: in a set.
        samples: in a generator's.
        copy_images: in one that mixes copies with others, down to 0.1 % of them; drawn with
            replacement where there are fewer.
        reference: held-out photos on the real side; the rest of them are the honest pictures.
        runs: the generators.
    """

    images: int = 200
    samples: int = 200
    copy_images: int = 1000
    reference: int = 1600
    runs: dict[str, distill_gans.Run] = field(default_factory=lambda: distill_gans.HELD_OUT_RUNS)


@dataclass(frozen=True)
class ImageSet:
    """A set to score: a family for the table, and rows of named arrays of pictures."""

    name: str
    family: str
    rows: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Verdict:
    """What both networks say about one set."""

    name: str
    family: str
    fid: float
    inception_fid: float
    distance: float
    inception_distance: float


def judging_pictures(
    photos: Pictures,
    crops: Pictures,
    drawn_photos: Pictures,
    drawn_crops: Pictures,
    samples: Mapping[str, np.ndarray],
    amounts: Amounts,
) -> dict[str, np.ndarray]:
    """Every picture that judging needs, by name; "reference" is the real side.

    Args:
        photos, crops, drawn_photos, drawn_crops: of the held-out breeds.
        samples: generated pictures, by "<run> <per cent trained>".
    """
    order = reference_order(photos)
    reference = photos.images[order[: amounts.reference]]
    real = photos.images[order[amounts.reference :]]
    pictures = {"reference": reference, "real": real}

    def some(name: str, images: np.ndarray) -> tuple[np.ndarray, np.random.Generator]:
        rng = rng_for(f"{JUDGEMENT}: {name}")
        return images[rng.choice(len(images), amounts.images, replace=False)], rng

    pictures["box crops"], _ = some("box crops", crops.images)
    pictures["drawn dogs"], _ = some(
        "drawn dogs", np.concatenate([drawn_photos.images, drawn_crops.images])
    )
    for kind in JUDGED_CORRUPTIONS:
        for strength in STRENGTHS:
            name = f"{kind} {strength}"
            chosen, rng = some(name, real)
            pictures[name] = corrupt(chosen, kind, strength, rng)
    for kind, strength in NEAR_COPIES:
        name = f"copies {kind} {strength}"
        chosen, rng = some(name, reference)
        pictures[name] = corrupt(chosen, kind, strength, rng)
    return pictures | dict(samples)


def reference_order(photos: Pictures) -> np.ndarray:
    """Rows of the photos: the reference's first, then those of `pictures["real"]`."""
    return rng_for(f"{JUDGEMENT}: reference").permutation(len(photos.images))


def image_sets(
    pictures: Mapping[str, np.ndarray],
    real_breeds: np.ndarray,
    samples: tuple[str, ...],
    amounts: Amounts,
) -> list[ImageSet]:
    """The sets, as rows of `pictures`, so that each picture's features are computed once.

    Args:
        real_breeds: the breeds of `pictures["real"]`.
        samples: names of the generated ones among `pictures`, a run's in order of progress.
    """
    rng = rng_for(f"{JUDGEMENT}: image sets")

    def some(name: str, count: int) -> np.ndarray:
        return rng.choice(len(pictures[name]), count, replace=count > len(pictures[name]))

    def whole(name: str, family: str) -> ImageSet:
        return ImageSet(name, family, {name: np.arange(len(pictures[name]))})

    sets = [ImageSet("real photos", "real", {"real": some("real", amounts.images)})]
    sets += [whole("box crops", "real"), whole("drawn dogs", "drawn")]
    sets += [whole(name, "generator") for name in samples]
    for kind in JUDGED_CORRUPTIONS:
        family = "corruption" if kind in CORRUPTIONS else "unseen corruption"
        sets += [whole(f"{kind} {strength}", family) for strength in STRENGTHS]
    sets += [whole(f"copies {kind} {strength}", "near-copies") for kind, strength in NEAR_COPIES]

    breeds = rng.permutation(np.unique(real_breeds))
    for count in BREEDS:
        among = np.flatnonzero(np.isin(real_breeds, breeds[:count]))
        rows = rng.choice(among, amounts.images, replace=len(among) < amounts.images)
        sets.append(ImageSet(f"{count} of {len(breeds)} breeds", "dropped breeds", {"real": rows}))

    # Copies among real pictures, and among those of half and fully trained generators.
    trained = [name for name in samples if int(name.split()[-1]) >= 50]
    for share in COPY_SHARES:
        copies = round(amounts.copy_images * share)
        rest = amounts.copy_images - copies
        rows = {"reference": some("reference", copies)}
        sets.append(
            ImageSet(f"{share:.1%} copies, real", "copies", {**rows, "real": some("real", rest)})
        )
        if share < 1:
            parts = np.array_split(np.arange(rest), len(trained))
            fakes = {name: some(name, len(part)) for name, part in zip(trained, parts, strict=True)}
            sets.append(ImageSet(f"{share:.1%} copies, generated", "copies", {**rows, **fakes}))
    for kind, strength in NEAR_COPIES:
        name = f"copies {kind} {strength}"
        for share in (0.1, 0.5):
            copies = round(amounts.images * share)
            parts = np.array_split(np.arange(amounts.images - copies), len(trained))
            fakes = {each: some(each, len(part)) for each, part in zip(trained, parts, strict=True)}
            rows = {name: some(name, copies), **fakes}
            sets.append(ImageSet(f"{share:.0%} {name}, generated", "near-copies", rows))
    return sets


def judge(
    sets: list[ImageSet],
    ours: Mapping[str, np.ndarray],
    inceptions: Mapping[str, np.ndarray],
) -> list[Verdict]:
    """FID and memorisation distance of each set by both networks' features, by name of pictures."""
    sides = [(features, mifid.statistics(features["reference"])) for features in (ours, inceptions)]
    verdicts = []
    for each in sets:
        scores = []
        for features, reference in sides:
            found = np.concatenate([features[name][rows] for name, rows in each.rows.items()])
            fid = mifid.fid(generated=mifid.statistics(found), real=reference)
            distance = mifid.memorization_distance(
                generated_features=found, real_features=features["reference"]
            )
            scores.append((fid, distance))
        (fid, distance), (inception_fid, inception_distance) = scores
        verdicts.append(
            Verdict(each.name, each.family, fid, inception_fid, distance, inception_distance)
        )
    return verdicts


def correlations(verdicts: list[Verdict]) -> dict[str, float]:
    """Spearman's rank correlation of FID and of the memorisation distance, over all sets."""
    from scipy.stats import spearmanr

    table = {}
    for key in ("fid", "distance"):
        ours = [getattr(verdict, key) for verdict in verdicts]
        theirs = [getattr(verdict, f"inception_{key}") for verdict in verdicts]
        table[key] = float(spearmanr(ours, theirs).statistic)
    return table


def table(verdicts: list[Verdict]) -> str:
    """The correlations over all sets, and over each family of more than four, in Markdown."""
    families = list(dict.fromkeys(verdict.family for verdict in verdicts))
    groups = {"all": verdicts} | {
        family: [verdict for verdict in verdicts if verdict.family == family] for family in families
    }
    lines = ["| sets | number | FID | memorisation distance |", "|---|---|---|---|"]
    for name, group in groups.items():
        if len(group) > 4:
            found = correlations(group)
            lines.append(
                f"| {name} | {len(group)} | {found['fid']:.3f} | {found['distance']:.3f} |"
            )
    return "\n".join(lines)


def write(verdicts: list[Verdict], folder: Path) -> None:
    """Leave embedded_judgement.csv and .png in `folder`."""
    with (
        atomic(folder / "embedded_judgement.csv") as path,
        open(path, "w", newline="", encoding="utf-8") as file,
    ):
        table = csv.DictWriter(file, list(asdict(verdicts[0])), lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(verdict) for verdict in verdicts)
    plot(verdicts, folder / "embedded_judgement.png")


def plot(verdicts: list[Verdict], path: Path) -> None:
    """Scatter plots of both numbers, ours against Inception's, a colour for each family."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    families = list(dict.fromkeys(verdict.family for verdict in verdicts))
    for axes, key, label in zip(
        figure.subplots(1, 2), ("fid", "distance"), ("FID", "memorisation distance"), strict=True
    ):
        for number, family in enumerate(families):
            group = [verdict for verdict in verdicts if verdict.family == family]
            axes.scatter(
                [getattr(verdict, f"inception_{key}") for verdict in group],
                [getattr(verdict, key) for verdict in group],
                s=18,
                color=f"C{number}",
                label=family,
            )
        axes.set_xlabel(f"{label}, Inception's 768-d layer")
        axes.set_ylabel(f"{label}, embedded network")
        axes.set_title(f"Spearman {correlations(verdicts)[key]:.3f}, {len(verdicts)} sets")
        axes.grid(alpha=0.3)
        if key == "fid":
            axes.set_xscale("log")
            axes.set_yscale("log")
    figure.axes[0].legend(fontsize=8)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
