"""What each ingredient of the recipe gives, on real photos and scored by Inception.

    DOGS_PHOTOS=... INCEPTION_PARTIAL=... python -m benchmarks.bench_recipe \\
        --work FOLDER --variants plain+c16 shipped+c16+train.batch_size=4 --seeds 1 2 3

Crops the photos once, trains each variant step for step as the pipeline does, on one thread or on
a GPU (--device), and scores it at each milestone: FID and KID of 1,500 samples against 3,000
training crops in the 768-d features of the 2015-12-05 Inception network (not the network that
ships), and the memorisation distance d of those samples from those crops in the same features.
`held-out` scores crops that no variant trained on. Prints a table of all results in the work
folder.

A variant is made of parts, connected by +, of which the later wins: `plain` (DCGAN as in
pytorch.org's tutorial), `hacks` (with smooth and noisy labels, flips, the moving average, smaller
batches), `shipped` (params.yaml), a preset's name, c32 (DCGAN's channels), and parameters with
values as JSON.

What was scored isn't scored again, a stopped training goes on from its checkpoint: the same command
continues. What is in the folder is for the code of that day, and its times are of one device.
"""

import argparse
import json
import os
import re
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import torch
from torch import nn

from pipeline.common import devices, files, npy, progress, randomness, torch_file
from pipeline.common.paths import Paths
from pipeline.config import params, presets
from pipeline.data.dataset import Dataset
from pipeline.models.sampling import decode
from pipeline.pretrained import weights
from pipeline.scoring import mifid
from pipeline.scoring.extractors import embedded
from pipeline.scoring.kid import kid
from pipeline.stages import crop
from research.distillation.teacher import Teacher, teacher_features
from research.long_training import LongTraining, parameters
from tests.conftest import REPOSITORY

GENERATED, REAL, HELD_OUT = 1500, 3000, 1500
FEATURES = 768  # of the teacher's 2,048: Mixed_6e
_SHEET = 96  # samples that are kept of each result, to be looked at

# What differs from params.yaml.
PLAIN = {
    "model.dcgan.minibatch_stddev": False,
    "train.adversarial.r1": 0.0,
    "train.batch_size": 128,
    "train.lr": 2e-4,
    "train.beta1": 0.5,
    "train.adversarial.real_labels": [1.0, 1.0],
    "train.adversarial.fake_labels": [0.0, 0.0],
    "train.adversarial.swap_labels": 0.0,
    "train.flips": False,
    "train.ema_halflife_images": 0,
}
HACKS = {
    "model.dcgan.minibatch_stddev": False,
    "train.adversarial.r1": 0.0,
    "train.batch_size": 16,
    "train.beta1": 0.5,
}
VARIANTS: dict[str, dict[str, Any]] = {"plain": PLAIN, "hacks": HACKS, "shipped": {}}


def changes_of(name: str) -> dict[str, Any]:
    """Return the changes of params.yaml that a variant stands for."""
    changes: dict[str, Any] = {}
    for part in name.split("+"):
        key, _, value = part.partition("=")
        if value:
            changes |= {key: json.loads(value)}
        elif width := re.fullmatch(r"c(\d+)", part):
            changes |= {"model.dcgan.channels": int(width[1])}
        elif key in VARIANTS:
            changes |= VARIANTS[key]
        else:
            changes |= presets.read(REPOSITORY / "presets", key).values
    return changes


def prepare(work: Path) -> tuple[Dataset, np.ndarray]:
    """Return the training crops with their breeds (kept as `training.npy`) and held-out crops;
    crop the photos first if that isn't done."""
    paths = Paths(work)
    if not paths.index.is_file():
        paths.raw.mkdir(parents=True, exist_ok=True)
        for name in ("images.tar", "annotation.tar"):
            (paths.raw / name).symlink_to(Path(os.environ["DOGS_PHOTOS"]) / name)
        crop.run(paths, crop=params.load(REPOSITORY / "params.yaml").crop)
    whole = Dataset.load(paths.crops, paths.index)
    order = randomness.permutation(0, "bench", 0, len(whole))
    training, held_out = np.sort(order[HELD_OUT:]), np.sort(order[:HELD_OUT])
    if not (work / "training.npy").is_file():
        npy.write(work / "training.npy", whole.images[training])
    images = np.load(work / "training.npy", mmap_mode="c")
    labels = whole.labels[training]
    return Dataset(images, labels, whole.class_names, whole.shape), whole.images[held_out]


def real_crops(dataset: Dataset) -> np.ndarray:
    """Return the training crops that samples are scored against."""
    return dataset.images[np.sort(randomness.permutation(0, "bench real", 0, len(dataset))[:REAL])]


def real_features(dataset: Dataset, teacher: Teacher, work: Path) -> np.ndarray:
    """Return their features by the teacher, all of its layers."""
    (work / "features").mkdir(parents=True, exist_ok=True)
    return teacher_features(teacher, "real", real_crops(dataset), work / "features")


def scores(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Return FID, KID and d of features of one network."""
    return {
        "fid": mifid.fid(generated=mifid.statistics(generated), real=mifid.statistics(real)),
        "kid": kid(generated_features=generated, real_features=real),
        "d": mifid.memorization_distance(generated_features=generated, real_features=real),
    }


class Bench:
    """The work folder, and what scores samples there."""

    def __init__(self, work: Path, samples: Path | None, device: torch.device) -> None:
        """
        Args:
            samples: folder for all samples and their features; None keeps the first 96 alone.
            device: where networks are trained and Inception computes.
        """
        self._work = work
        self._samples = samples
        self._device = device
        self.results = work / "results"
        self.results.mkdir(parents=True, exist_ok=True)
        self.dataset, self.held_out = prepare(work)
        self._teacher = Teacher(Path(os.environ["INCEPTION_PARTIAL"]), device=device.type)
        self.real = real_features(self.dataset, self._teacher, work)
        self._embedded = embedded.load()
        self._embedded_real = self._embedded.features(real_crops(self.dataset))

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the teacher's features of images."""
        return self._teacher.features(images)

    def embedded_scores(self, images: np.ndarray) -> dict[str, float]:
        """Return FID and d of images by the network that ships, against the same crops."""
        found = scores(self._embedded.features(images), self._embedded_real)
        return {"embedded_fid": found["fid"], "embedded_d": found["d"]}

    def score(self, name: str, images: np.ndarray, about: dict[str, Any]) -> None:
        """Score images, and write the result under this name."""
        features = self.features(images)
        if self._samples:
            npy.write(self._samples / name / "samples.npy", images)
            npy.write(self._samples / name / "features.npy", features)
        score = scores(features[:, :FEATURES], self.real[:, :FEATURES])
        score |= self.embedded_scores(images)
        npy.write(self.results / f"{name}.npy", images[:_SHEET])
        files.write_json(self.results / f"{name}.json", about | score)
        progress.say(f"{name}: FID-768 {score['fid']:.3f}, d {score['d']:.4f}")

    def train(
        self, variant: str, seed: int, milestones: list[int], others: list[int]
    ) -> tuple[LongTraining, int]:
        """Train a variant to each of the milestones, and score its averages there: its own and
        `others`. Return the training and its own average's half-life."""
        settings = parameters({**changes_of(variant), "train.seed": seed})
        own = int(settings.train.ema_halflife_images)
        halflives = sorted({own, *others})
        folder = self._work / "runs" / f"{variant}-s{seed}"
        training = LongTraining(self.dataset, settings, folder, halflives, self._device)
        for milestone in sorted(milestones):
            if milestone >= training.images_seen:
                training.train_to(milestone)
                for halflife in halflives:
                    path = kept(folder, milestone, halflife)
                    torch_file.save(path, training.finished_generator(halflife).state_dict())
            for halflife in halflives:
                path = kept(folder, milestone, halflife)
                name = f"{folder.name}-{path.stem}"
                if (self.results / f"{name}.json").is_file() or not path.is_file():
                    continue
                generator = saved_generator(training, milestone, path).to(self._device)
                seconds = training.seconds * milestone / training.images_seen
                about = {"variant": variant, "seed": seed, "images": milestone,
                         "halflife": halflife, "is_own": halflife == own,
                         "seconds": seconds}  # fmt: skip
                inputs = training.inputs("samples", GENERATED)
                self.score(name, decode(generator, inputs, self._device), about)
        return training, own

    def export(self, out: Path, training: LongTraining, images: int, halflife: int) -> None:
        """Write an average of a finished training as a generator that comes with the package."""
        path = kept(training.folder, images, halflife)
        weights.save(out, torch_file.load(path), training.info(images))
        progress.say(f"{out}: {training.folder.name}, {path.stem}")


def kept(folder: Path, images: int, halflife: int) -> Path:
    """Return the file of an average at a milestone, in the folder of a training."""
    return folder / f"i{images}-h{halflife}.pt"


def saved_generator(training: LongTraining, images: int, path: Path) -> nn.Module:
    """Return the generator that such a file holds, ready for sampling."""
    network = training.info(images).build()
    network.load_state_dict(torch_file.load(path))
    return network.eval()


def table(results: Path) -> str:
    """Return Markdown: of each variant, images and half-life, the median over its seeds; best
    first."""
    groups: dict[tuple[int, str, int], list[dict[str, Any]]] = {}
    for path in sorted(results.glob("*.json")):
        run = json.loads(path.read_text())
        groups.setdefault((run["images"], run["variant"], run["halflife"]), []).append(run)
    rows = []
    for (images, variant, halflife), runs in groups.items():
        fids = [run["fid"] for run in runs]
        spread = f" ({min(fids):.2f} to {max(fids):.2f})" if len(fids) > 1 else ""
        fid, found_kid, d, seconds = (
            statistics.median(run[key] for run in runs) for key in ("fid", "kid", "d", "seconds")
        )
        text = (
            f"| {variant} | {images:,} | {halflife:,} | {len(runs)} | {fid:.2f}{spread} "
            f"| {1000 * found_kid:.1f} | {d:.3f} | {seconds / 3600:.2f} |"
        )
        rows.append((images, fid, text))
    head = (
        "| variant | images | half-life | seeds | FID-768 | 1000 KID | d | hours |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(row[-1] for row in sorted(rows))])


def agreement(results: Path) -> str:
    """Return how far the network that ships orders these samples as Inception does, as Spearman's
    rank correlation of their FIDs and ds: over all, and the median within a training of three
    results or more; nothing where there is none."""
    runs = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    trainings: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for run in runs:
        trainings.setdefault((run["variant"], run["seed"]), []).append(run)
    many = [mine for mine in trainings.values() if len(mine) > 2]
    lines = []
    for key in ("fid", "d") if many else ():
        within = [_rank_correlation(mine, key) for mine in many]
        lines.append(
            f"{key}: {_rank_correlation(runs, key):.3f} over {len(runs)} sets of samples, "
            f"{statistics.median(within):.3f} within a training"
        )
    return "\n".join(lines)


def _rank_correlation(runs: list[dict[str, Any]], key: str) -> float:
    pairs = [(run[key], run[f"embedded_{key}"]) for run in runs]
    return float(scipy.stats.spearmanr(*zip(*pairs, strict=True)).statistic)


def plot(results: Path, out: Path) -> None:
    """Write FID against images and against hours of a core: a line for each variant, of the
    half-life that is best at its end, with the range over seeds."""
    from matplotlib import pyplot

    runs = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    figure, sides = pyplot.subplots(1, 2, figsize=(10, 5), sharey=True, layout="constrained")
    for variant in sorted({run["variant"] for run in runs} - {"held-out"}):
        mine = [run for run in runs if run["variant"] == variant]
        last = max(run["images"] for run in mine)
        best = min((run for run in mine if run["images"] == last), key=lambda run: run["fid"])
        mine = [run for run in mine if run["halflife"] == best["halflife"]]
        images = sorted({run["images"] for run in mine})
        fids = [[run["fid"] for run in mine if run["images"] == seen] for seen in images]
        hours = [
            statistics.median(run["seconds"] / 3600 for run in mine if run["images"] == seen)
            for seen in images
        ]
        middle = [statistics.median(each) for each in fids]
        parts = [re.sub(r"^(\w+\.)+", "", part) for part in variant.split("+") if part != "shipped"]
        label = f"{', '.join(parts)}; half-life {best['halflife']:,}"
        for side, places in zip(sides, (images, hours), strict=True):
            (line,) = side.plot(places, middle, marker="o", markersize=3, label=label)
            side.fill_between(places, [min(each) for each in fids], [max(each) for each in fids],
                              alpha=0.2, color=line.get_color())  # fmt: skip
    for run in runs:
        if run["variant"] == "held-out":  # far below all curves
            sides[1].plot([], [], " ", label=f"held-out crops: {run['fid']:.2f}")
    for side, label in zip(sides, ("training images shown", "hours"), strict=True):
        side.set(xscale="log", yscale="log", xlabel=label)
        side.grid(alpha=0.3, which="both")
    sides[0].set_ylabel("FID-768")
    sides[0].yaxis.set_major_formatter("{x:g}")
    sides[0].yaxis.set_minor_formatter("{x:g}")
    handles = sides[1].get_legend_handles_labels()
    figure.legend(*handles, fontsize=7, loc="outside lower center", ncols=2)
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", default=["held-out", *VARIANTS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--milestones", type=int, nargs="+", default=[60_000], metavar="IMAGES")
    parser.add_argument(
        "--halflives", type=int, nargs="+", default=[], metavar="IMAGES",
        help="further moving averages of the generator to keep and score",
    )  # fmt: skip
    parser.add_argument("--work", type=Path, required=True, help="keeps crops, runs, results")
    parser.add_argument("--samples", type=Path, help="also keep samples and their features here")
    parser.add_argument(
        "--export", type=Path, metavar="FILE",
        help="write the last variant's generator, at the last milestone and with the first of "
        "--halflives, as one that comes with the package",
    )  # fmt: skip
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the curves as a picture")
    parser.add_argument("--device", default="cpu", help="cpu (one thread), cuda, mps or auto")
    options = parser.parse_args()
    device = devices.pick(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    bench = Bench(options.work, options.samples, device)
    for seed in options.seeds:
        for variant in options.variants:
            progress.heading("recipe", f"{variant}, seed {seed}")
            if variant != "held-out":
                done = bench.train(variant, seed, options.milestones, options.halflives)
            elif not (bench.results / "held-out.json").is_file():
                about = {"variant": variant, "seed": 0, "images": 0, "halflife": 0, "is_own": True,
                         "seconds": 0.0}  # fmt: skip
                bench.score(variant, bench.held_out, about)
    if options.export:
        training, own = done
        halflife = options.halflives[0] if options.halflives else own
        bench.export(options.export, training, max(options.milestones), halflife)
    if options.plot:
        plot(bench.results, options.plot)
    print(table(bench.results), agreement(bench.results), sep="\n\n")


if __name__ == "__main__":
    main()
