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
from tests.factories import noise


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_part_ends_well_and_leaves_its_result(tmp_path: Path, repository: Path) -> None:
    crops = tmp_path / "crops.npy"
    np.save(crops, noise(40, 64))
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
    assert len(limits) == 8 and sum(limits) <= 540


def test_the_crops_that_travel_are_under_the_limit_and_a_subset() -> None:
    crops = np.arange(10, dtype=np.uint8)[:, None, None, None].repeat(64, 1).repeat(64, 2)
    crops = np.broadcast_to(crops, (10, 64, 64, 3))
    assert np.array_equal(gpu_crops.pack(crops), crops)
    many = np.broadcast_to(np.arange(7000, dtype=np.uint16)[:, None], (7000, 12_288))
    packed = gpu_crops.pack(many.astype(np.uint8))
    assert packed.nbytes <= gpu_crops.LIMIT_BYTES < packed.nbytes + 12_288
