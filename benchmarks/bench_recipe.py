"""What each ingredient of the recipe gives, on real photos and scored by Inception.

    DOGS_PHOTOS=... INCEPTION_PARTIAL=... python -m benchmarks.bench_recipe \\
        --work FOLDER --variants plain hacks hacks+train.batch_size=8 shipped --seeds 1 2 3

Crops the photos once, trains each variant with the pipeline's own loop on one thread, and scores
its last generator: FID of 1,500 samples against 3,000 training crops in the 768-d features of the
2015-12-05 Inception network (not the network that ships), and the memorisation distance d of those
samples from those crops in the same features. `held-out` scores crops that no variant trained on.

A finished run is a JSON file in the work folder and isn't trained again, a stopped one goes on
from its checkpoint: the same command continues. What is in there is for the code of that day.
"""

import argparse
import json
import os
import statistics
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pipeline.common import files, progress, randomness
from pipeline.common.paths import Paths
from pipeline.config import content, params
from pipeline.config.schema import Params
from pipeline.data.dataset import Dataset
from pipeline.images import arrays
from pipeline.models.sampling import decode, draw_inputs
from pipeline.scoring import mifid
from pipeline.scoring.sample_evaluator import SampleEvaluator
from pipeline.stages import crop
from pipeline.training import fingerprint
from pipeline.training.checkpoint import CheckpointFolder
from pipeline.training.engine.distributed import Distributed
from pipeline.training.fit import fit
from pipeline.training.monitor.evaluation import SAMPLES
from research.distillation.teacher import Teacher, teacher_features
from tests.conftest import REPOSITORY

GENERATED, REAL, HELD_OUT = 1500, 3000, 1500
FEATURES = 768  # of the teacher's 2,048: Mixed_6e
CPU = torch.device("cpu")

# What differs from params.yaml. DCGAN as in pytorch.org's tutorial:
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
# ... and with smooth and noisy labels, flips, the moving average, smaller batches.
HACKS = {
    "model.dcgan.minibatch_stddev": False,
    "train.adversarial.r1": 0.0,
    "train.batch_size": 16,
    "train.beta1": 0.5,
}
VARIANTS: dict[str, dict[str, Any]] = {"plain": PLAIN, "hacks": HACKS, "shipped": {}}


def changes_of(name: str) -> dict[str, Any]:
    """Return the changes that a variant stands for: names of `VARIANTS`, and parameters with values
    as JSON, connected by +, of which the later wins: plain+train.batch_size=32."""
    changes: dict[str, Any] = {}
    for part in name.split("+"):
        key, _, value = part.partition("=")
        changes |= {key: json.loads(value)} if value else VARIANTS[key]
    return changes


def prepare(work: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return training crops (kept as `training.npy`) and held-out ones; crop the photos first if
    that isn't done."""
    paths = Paths(work)
    if not paths.index.is_file():
        paths.raw.mkdir(parents=True, exist_ok=True)
        for name in ("images.tar", "annotation.tar"):
            (paths.raw / name).symlink_to(Path(os.environ["DOGS_PHOTOS"]) / name)
        crop.run(paths, crop=params.load(REPOSITORY / "params.yaml").crop)
    crops = np.load(paths.crops, mmap_mode="r")
    order = randomness.permutation(0, "bench", 0, len(crops))
    training, held_out = np.sort(order[HELD_OUT:]), np.sort(order[:HELD_OUT])
    if not (work / "training.npy").is_file():
        files.write_npy(work / "training.npy", crops[training])
    return np.load(work / "training.npy", mmap_mode="c"), crops[held_out]


def parameters(changes: Mapping[str, Any]) -> Params:
    """Return the shipped parameters with changes; no scores, few grids."""
    quiet = {"train.score_every_images": 0, "train.sample_every_images": 20_000}
    shipped = content.read(REPOSITORY / "params.yaml")
    return params.parse(content.override(shipped, quiet | dict(changes)), where="benchmark")


def train(work: Path, crops: np.ndarray, run: str, settings: Params) -> nn.Module:
    """Return the generator of the pipeline's own loop; history and grids are in `runs` below
    `work`."""
    model, train = settings.model, settings.train
    shape = arrays.shape_of(crops, "crops")
    dataset = Dataset(crops, np.zeros(len(crops), np.int64), ("dog",), shape)
    paths = Paths(work / "runs" / run)
    shaping = fingerprint.parts(
        model=model, train=train, dataset=dataset, crops=work / "training.npy"
    )
    checkpoints = CheckpointFolder(paths.checkpoints, shaping)
    with checkpoints.opened(fresh=False):
        trained = fit(
            dataset,
            model=model,
            train=train,
            device=CPU,
            distributed=Distributed(),
            checkpoints=checkpoints,
            paths=paths,
            make_evaluator=partial(
                SampleEvaluator, crops, count=SAMPLES, seed=train.seed, device=CPU.type
            ),
        )
    return trained.generator


def scores(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Return FID and d of the teacher's features."""
    generated, real = generated[:, :FEATURES], real[:, :FEATURES]
    return {
        "fid": mifid.fid(generated=mifid.statistics(generated), real=mifid.statistics(real)),
        "d": mifid.memorization_distance(generated_features=generated, real_features=real),
    }


def table(results: Path) -> str:
    """Return Markdown: of each variant, channels and images, the median over its seeds; best
    first."""
    groups: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
    for path in sorted(results.glob("*.json")):
        run = json.loads(path.read_text())
        groups.setdefault((run["channels"], run["images"], run["variant"]), []).append(run)
    rows = []
    for (channels, images, variant), runs in groups.items():
        fids = [run["fid"] for run in runs]
        spread = f" ({min(fids):.2f} to {max(fids):.2f})" if len(fids) > 1 else ""
        fid, d = (statistics.median(run[key] for run in runs) for key in ("fid", "d"))
        text = (
            f"| {variant} | {channels} | {images:,} | {len(runs)} | {fid:.2f}{spread} | {d:.3f} |"
        )
        rows.append((channels, images, fid, text))
    head = "| variant | channels | images | seeds | FID-768 | d |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(row[-1] for row in sorted(rows))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", nargs="+", default=["held-out", *VARIANTS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--work", type=Path, required=True, help="keeps crops, features, results")
    parser.add_argument("--samples", type=Path, help="also keep samples and their features here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    crops, held_out = prepare(options.work)
    teacher = Teacher(Path(os.environ["INCEPTION_PARTIAL"]))
    results, features = options.work / "results", options.work / "features"
    results.mkdir(exist_ok=True)
    features.mkdir(exist_ok=True)
    chosen = np.sort(randomness.permutation(0, "bench real", 0, len(crops))[:REAL])
    real = teacher_features(teacher, "real", crops[chosen], features)
    for seed in options.seeds:
        for variant in options.variants:
            run = f"{variant}-c{options.channels}-i{options.images}-s{seed}"
            if (results / f"{run}.json").is_file():
                continue
            progress.heading("recipe", run)
            if variant == "held-out":
                images = held_out
            else:
                size = {"model.dcgan.channels": options.channels, "train.images": options.images}
                settings = parameters({**size, "train.seed": seed, **changes_of(variant)})
                generator = train(options.work, crops, run, settings)
                latent_dim = settings.model.latent_dim
                inputs = draw_inputs(seed, "samples", 0, GENERATED, latent_dim=latent_dim)
                images = decode(generator, inputs, CPU)
            found = teacher.features(images)
            if options.samples:
                files.write_npy(options.samples / run / "samples.npy", images)
                files.write_npy(options.samples / run / "features.npy", found)
            score = scores(found, real)
            progress.say(f"FID-768 {score['fid']:.3f}, d {score['d']:.4f}")
            about = {"variant": variant, "channels": options.channels, "images": options.images}
            files.write_json(results / f"{run}.json", {**about, "seed": seed, **score})
    print(table(results))


if __name__ == "__main__":
    main()
