"""benchmarks/gpu.sh runs to its end where there is no GPU, with tiny sizes on the CPU."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu_crops
from pipeline.common import npy
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from tests.factories import workplace, write_index


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_part_ends_well_and_leaves_its_result(tmp_path: Path, repository: Path) -> None:
    workplace(tmp_path / "home", side_px=64)
    crops = tmp_path / "crops.zip"
    gpu_crops.pack(tmp_path / "home", crops)
    subprocess.run(
        ["bash", repository / "benchmarks/gpu.sh", tmp_path / "results", crops],
        env=os.environ | {"GPU_DEVICE": "cpu", "GPU_TINY": "1", "PYTHON": sys.executable},
        check=True,
        capture_output=True,
    )
    summary = (tmp_path / "results/summary.txt").read_text()
    ended = dict(re.findall(r"^(\w+): exit code (\d+)", summary, re.M))
    parts = ("bench_train", "prepare", "train", "generate", "score", "nccl")
    assert ended == dict.fromkeys(parts, "0"), summary
    score = json.loads((tmp_path / "results/score.txt").read_text().splitlines()[-1])
    assert score["images"] == 64 and score["fid"] > 0
    assert (tmp_path / "results/generator.pt").stat().st_size > 1000


def test_the_limits_add_up_to_nine_minutes(repository: Path) -> None:
    script = (repository / "benchmarks/gpu.sh").read_text()
    limits = [int(limit) for limit in re.findall(r"\bpart \w+ (\d+) ", script)]
    assert len(limits) == 7 and sum(limits) <= 540


def test_parts_can_be_chosen(tmp_path: Path, repository: Path) -> None:
    said = subprocess.run(
        ["bash", repository / "benchmarks/gpu.sh", tmp_path, "drawn", "prepare"],
        env=os.environ | {"GPU_DEVICE": "cpu", "GPU_TINY": "1", "PYTHON": sys.executable},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert set(re.findall(r"^(\w+): exit code (\d+)", said, re.M)) == {("prepare", "0")}
    assert (tmp_path / "run/data/crops.npy").is_file()


def test_a_part_that_there_is_not_is_refused(tmp_path: Path, repository: Path) -> None:
    script = repository / "benchmarks/gpu.sh"
    done = subprocess.run(
        ["bash", script, tmp_path / "new", "drawn", "prepare", "bench"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and not (tmp_path / "new").exists()
    known = re.findall(r"\bpart (\w+) \d+ ", script.read_text())
    assert done.stderr == f"gpu.sh: no part bench; there are {' '.join(known)}\n"


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_travel_as_nearly_the_same_images_in_their_order(
    tmp_path: Path, channels: int
) -> None:
    home, away = (Paths(tmp_path / name) for name in ("home", "away"))
    classes = ("beagle", "pug")
    write_index(home.index, [classes[number % 2] for number in range(12)])
    # Smooth, as photos are: WebP keeps half of the places of colours.
    grey = np.linspace(20, 220, 12).astype(np.uint8)[:, None] + np.arange(16, dtype=np.uint8)
    crops = np.broadcast_to(grey[:, None, :, None], (12, 16, 16, channels))
    npy.write(home.crops, np.ascontiguousarray(crops))
    held_out.write_empty(home.held_out, ImageShape(16, channels))
    gpu_crops.pack(home.root, tmp_path / "crops.zip")
    gpu_crops.unpack(tmp_path / "crops.zip", away.root)
    found = Dataset.load(away.crops, away.index)
    assert found.images.shape == crops.shape
    assert np.abs(found.images.astype(int) - crops).mean() < 3
    assert np.array_equal(found.labels, np.arange(12) % 2) and found.class_names == classes
    assert away.held_out.read_bytes() == home.held_out.read_bytes()
