"""Packing 10,000 images against a plain loop of Pillow and zipfile: `python -m
benchmarks.bench_package [--images photos.npy]`.

Both write 64x64 RGB PNGs into a stored zip; ours on all cores, atomically, and reads every byte
back. The two alternate; medians are printed.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.competitions.registry import profile_of
from pipeline.images.shape import ImageShape
from pipeline.submission.reader import check_zip
from pipeline.submission.writer import write_zip

FORM = profile_of("generative-dog-images").form(ImageShape(64, 3))
COUNT = FORM.counts[0]


def samples() -> np.ndarray:
    """Soft blobs with a little noise: about as hard to compress as generated images."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (COUNT, 6, 6, 3), np.uint8)
    smooth = np.stack(
        [np.asarray(Image.fromarray(c).resize((64, 64), Image.Resampling.BICUBIC)) for c in coarse]
    )
    noise = random.integers(-6, 7, smooth.shape, np.int16)
    return (smooth + noise).clip(0, 255).astype(np.uint8)


def plain(path: Path, images: np.ndarray) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number, image in enumerate(images):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            archive.writestr(f"{number:05d}.png", buffer.getvalue())


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="array (N, 64, 64, 3) uint8; drawn if absent")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    images = np.load(options.images)[:COUNT] if options.images else samples()
    count = len(images)
    times: dict[str, list[float]] = {"plain loop": [], "write + check": [], "check alone": []}
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.zip"), Path(folder, "theirs.zip")
        for _ in range(options.rounds):
            times["plain loop"].append(seconds(lambda: plain(theirs, images)))
            times["write + check"].append(seconds(lambda: write_zip(ours, images, FORM)))
            times["check alone"].append(seconds(lambda: check_zip(ours, FORM, count=count)))
        sizes = ours.stat().st_size, theirs.stat().st_size
    print(f"{count:,} images, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:14s} {middle:6.2f} s  {count / middle:7,.0f} images/s")
    ratio = statistics.median(times["plain loop"]) / statistics.median(times["write + check"])
    print(f"{ratio:.2f}x the plain loop's speed, {sizes[0] / sizes[1]:.3f} of its size")


if __name__ == "__main__":
    main()
