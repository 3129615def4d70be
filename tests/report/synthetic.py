"""Write a small run folder as the stages would, without training."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.common import files, npy
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.arrays.raw import LabelledImages
from pipeline.images import arrays
from tests import factories
from tests.conftest import REPOSITORY

# (panel, metric, label) -> (images seen, values)
Curves = dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]]

SIDE = 32
CLASSES = ("beagle", "<script>alert(1)</script>", "dachs & hund", '$\\x$ "quoted"', "NA")


def write_run(root: Path, *, seed: int = 0, channels: int = 3, generator: bool = True) -> Paths:
    """Fill `root` with a run's files, params.yaml included."""
    paths = Paths(root)
    draw = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "params.yaml", root / "params.yaml")

    count = 60
    npy.write(paths.crops, factories.images(count, SIDE, channels=channels, seed=seed))
    test = factories.images(16, SIDE, channels=channels, seed=seed + 3)
    labels = np.arange(16) % len(CLASSES)
    held_out.write(paths.held_out, LabelledImages(test, labels), CLASSES)
    rows = []
    for number in range(count + 6):
        dropped = number >= count
        width, height = draw.integers(20, 300, 2)
        rows.append({
            "file": f"{number:04d}.jpg", "class": CLASSES[number % len(CLASSES)], "object": 0,
            "xmin": 3, "ymin": 5, "xmax": 3 + width, "ymax": 5 + height,
            "crop": None if dropped else number,
            "reason": ("too small" if number % 2 else "<b>broken</b> XML") if dropped else None,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    table["crop"] = table["crop"].astype("Int64")
    files.write_text(paths.index, table.to_csv(index=False))

    lines = curves(draw)
    write_curves(paths.curves_csv, lines)
    write_history(paths.history, lines)
    for step in (0, 40_000, 80_000, 160_000):
        share = (1 - step / 160_000) ** 2
        noise = factories.noise(16, SIDE, channels=channels, seed=seed)
        clean = factories.images(16, SIDE, channels=channels, seed=9)
        mixed = share * noise + (1 - share) * clean
        sheet = arrays.grid(mixed.astype(np.uint8), 4)
        files.write_bytes(paths.grids / f"{step:09d}.png", arrays.encode_png(sheet))
    generated = factories.images(80, SIDE, channels=channels, seed=seed + 7)
    npy.write(paths.generated, generated)
    files.write_bytes(paths.samples, arrays.encode_png(arrays.grid(generated[:64], 8)))
    files.write_json(paths.training, {
        "images_seen": 160_000, "seconds": 400.0, "images_per_s": 400.0, "finished": True,
    })  # fmt: skip
    files.write_json(paths.package, {
        "sha256": "ab" * 32, "images": 80, "bytes": 123_456, "duplicates": 0,
    })  # fmt: skip
    files.write_json(paths.metrics, metrics())
    pairs = [
        {"name": f"{number:05d}.png", "generated": number, "crop": number + 2,
         "distance": 0.1 + number / 100}
        for number in range(4)
    ]  # fmt: skip
    files.write_json(paths.neighbours, {"pairs": pairs})
    files.write_bytes(paths.nearest, factories.png(generated[5]))
    for stage, seconds in (("download", 3.2), ("crop", 1.1), ("train", 400.0), ("score", 75.0)):
        files.write_json(paths.stage_log / f"{stage}.json", {
            "stage": stage, "seconds": seconds, "finished": "2024-05-06T07:08:09+00:00",
            "python": "3.12.1",
        })  # fmt: skip
    if generator:
        factories.write_generator(paths.generator, seed, side_px=SIDE, channels=channels)
    return paths


def curves(draw: np.random.Generator) -> Curves:
    """Return 40 rows of two losses, a log-normal norm, and a score each fifth row."""
    seen = np.arange(1, 41) * 4000
    scored = seen[seen % 20_000 == 0]
    return {
        ("loss (nats)", "loss_one", "one"): (seen, 1.2 + draw.normal(0, 0.05, 40)),
        ("loss (nats)", "loss_two", "two"): (seen, 1.5 + draw.normal(0, 0.2, 40)),
        ("gradient norm", "norm", "norm"): (seen, 10 ** draw.normal(0, 1, 40)),
        ("quality & <i>", "quality", "Q"): (scored, 1000 / np.sqrt(scored)),
    }


def write_curves(path: Path, lines: Curves) -> None:
    """Write the curves as training does: by images seen, then in the order of the lines."""
    rows = [
        (int(seen), *name, value)
        for name, (images_seen, values) in lines.items()
        for seen, value in zip(images_seen, values, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["images_seen", "panel", "metric", "label", "value"])
    table = table.sort_values("images_seen", kind="stable")
    files.write_text(path, table.to_csv(index=False, float_format="%.6g"))


def write_history(path: Path, lines: Curves) -> None:
    """Write the same values as training does beside: a row an interval, a column a metric."""
    columns = {
        metric: pd.Series(values, index=images_seen)
        for (_, metric, _), (images_seen, values) in lines.items()
    }
    table = pd.DataFrame(columns).rename_axis("images_seen")
    table.insert(0, "seconds", table.index / 400)
    files.write_text(path, table.to_csv(float_format="%.6g"))


def metrics(**changes: object) -> dict[str, object]:
    """Return what the score stage leaves, with `changes`."""
    return {
        "mifid": 41.7, "fid": 41.7, "memorization_distance": 0.21, "images": 80,
        "extractor": "embedded", "reference": "photos", "official": False, "threshold": 0.12,
        "protocol": "generative-dog-images: 64 px, against photos, by embedded",
        "floor_fid": 3.4, "floor_memorization_distance": 0.25, "precision": 0.61, "recall": 0.32,
        "density": 0.7, "coverage": 0.55, "duplicates": 0, "memorization_warning": False,
    } | changes  # fmt: skip
