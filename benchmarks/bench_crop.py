"""The crop stage against a plain loop over Pillow, and its memory for 20,000 photos.

    python -m benchmarks.bench_crop            # speed and differences
    python -m benchmarks.bench_crop --memory   # peak memory of all its processes (Linux)

Takes the full-size photos that DOGS_ORIGINALS points at (a folder with images.tar and
annotation.tar), else photo-like JPEGs of 500x375 made on the spot.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.common import cores
from pipeline.common.paths import Paths
from pipeline.config import params, schema
from pipeline.data import index
from pipeline.data.archives.reader import open_archive, write_tar
from pipeline.data.cropping.boxes import Box
from pipeline.stages import crop as stage
from tests.data.raw import read_photos

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=20_000, help="photos in a timed run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--stage", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        stage.run(Paths(options.stage), crop=rules())
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder))
        count = 20_000 if options.memory else options.photos
        source = repeat_photos(paths.raw, count)
        print(f"{count:,} photos: {source}; {cores.usable()} cores")
        if options.memory:
            print(f"peak memory of all processes: {peak_megabytes(paths.root):,.0f} MB")
        else:
            compare(paths, options.rounds)


def rules() -> schema.Crop:
    return params.load(REPOSITORY / "params.yaml").crop


def compare(paths: Paths, rounds: int) -> None:
    files, boxes = extracted(paths)
    # The plain loop cuts the box itself.
    stretch = rules().model_copy(update={"mode": "stretch", "margin": 0.0})
    runs: dict[str, list[tuple[float, float]]] = {"plain loop": [], "crop stage": []}
    for _ in range(rounds):
        with measured(runs["plain loop"]):
            plain = plain_loop(files, boxes)
        with measured(runs["crop stage"]):
            stage.run(paths, crop=stretch)
    for name, pairs in runs.items():
        rates = [len(files) / seconds for seconds, _ in pairs]
        work = statistics.median(processor / len(files) for _, processor in pairs)
        print(
            f"{name}: median {statistics.median(rates):,.0f} photos/s "
            f"{[round(rate) for rate in rates]}, {1000 * work:.2f} ms of processor time a photo"
        )
    for what, number in (("photos/s", 0), ("processor time a photo", 1)):
        ratios = [old[number] / new[number] for old, new in zip(*runs.values(), strict=True)]
        listed = [round(ratio, 2) for ratio in ratios]
        print(f"ratio of {what}: median {statistics.median(ratios):.2f} {listed}")
    table = index.read(paths.index)
    first = table[(table["object"] == 0) & table["crop"].notna()]
    ours = np.load(paths.crops, mmap_mode="r")[first["crop"].to_numpy(int)]
    theirs = plain[np.searchsorted(table["file"].unique(), first["file"])]
    difference = np.abs(ours.astype(int) - theirs)
    print(
        f"difference of {len(ours):,} crops, in levels of 255: mean {difference.mean():.3f}, "
        f"99.9 % within {np.quantile(difference, 0.999):.0f}, largest {difference.max()}"
    )


@contextmanager
def measured(runs: list[tuple[float, float]]) -> Iterator[None]:
    """Append (seconds, processor seconds of this process and the children it has waited for)."""
    start, busy = time.perf_counter(), processor_seconds()
    yield
    runs.append((time.perf_counter() - start, processor_seconds() - busy))


def processor_seconds() -> float:
    return sum(os.times()[:4])


def plain_loop(files: list[Path], boxes: list[Box]) -> np.ndarray:
    """What one writes first. (N, 64, 64, 3) uint8."""
    crops = []
    for file, box in zip(files, boxes, strict=True):
        image = Image.open(file).convert("RGB").crop(tuple(box)).resize((64, 64))
        crops.append(np.asarray(image))
    return np.stack(crops)


def extracted(paths: Paths) -> tuple[list[Path], list[Box]]:
    """The photos as single files, as the plain loop wants them, and the first box of each."""
    listed, _ = read_photos(paths.raw)
    files = []
    with open_archive(paths.raw, "images") as archive:
        for photo in listed:
            files.append(paths.root / "extracted" / photo.file)
            files[-1].parent.mkdir(parents=True, exist_ok=True)
            files[-1].write_bytes(archive.read(photo.file))
    return files, [photo.boxes[0] for photo in listed]  # type: ignore[misc]


def repeat_photos(raw: Path, count: int) -> str:
    """Archives of `count` photos, one box each, repeated from a few; says which."""
    given = os.environ.get("DOGS_ORIGINALS")
    some = from_folder(Path(given)) if given else [made(seed) for seed in range(60)]
    raw.mkdir(parents=True)
    names = [f"{number % 120:03}/{number:06}" for number in range(count)]
    pairs = [some[number % len(some)] for number in range(count)]
    write_tar(
        raw / "images.tar",
        ((f"Images/{name}.jpg", data) for name, (data, _) in zip(names, pairs, strict=True)),
    )
    write_tar(
        raw / "annotation.tar",
        ((f"Annotation/{name}", voc(box)) for name, (_, box) in zip(names, pairs, strict=True)),
    )
    return f"{len(some)} {'of DOGS_ORIGINALS' if given else 'made here'}, repeated"


def from_folder(raw: Path) -> list[tuple[bytes, Box]]:
    with open_archive(raw, "images") as archive:
        return [
            (archive.read(photo.file), photo.boxes[0])
            for photo in read_photos(raw)[0]
            if photo.boxes and photo.boxes[0]
        ]


def made(seed: int) -> tuple[bytes, Box]:
    """A JPEG with a photo's spectrum (amplitude 1/frequency) and a box of a typical size."""
    dice = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(375)[:, None], np.fft.fftfreq(500)[None]
    spectrum = 1 / np.maximum(np.hypot(x, y), 1 / 500)
    noise = np.fft.fft2(dice.normal(size=(3, 375, 500)))
    planes = np.fft.ifft2(noise * spectrum).real
    levels = 127 + 50 * planes / planes.std(axis=(1, 2), keepdims=True)
    file = io.BytesIO()
    picture = levels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(picture).save(file, "JPEG", quality=75)
    left, top = dice.integers(0, 150), dice.integers(0, 100)
    width, height = dice.integers(150, 350), dice.integers(150, 275)
    return file.getvalue(), Box(left, top, left + width, top + height)


def voc(box: Box) -> bytes:
    edges = "".join(f"<{name}>{value:g}</{name}>" for name, value in box._asdict().items())
    return f"<annotation><object><bndbox>{edges}</bndbox></object></annotation>".encode()


def peak_megabytes(root: Path) -> float:
    """Run the stage beside this process and add up, 20 times a second, what it and its workers
    hold (proportional set size: shared pages are counted once)."""
    command = [sys.executable, "-m", "benchmarks.bench_crop", "--stage", str(root)]
    process = subprocess.Popen(command, cwd=REPOSITORY)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(map(held_megabytes, family(process.pid))))
        time.sleep(0.05)
    if process.returncode:
        sys.exit("the stage failed")
    return peak


def family(process: int) -> list[int]:
    found = [process]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        found += map(int, children.split())
    return found


def held_megabytes(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    main()
