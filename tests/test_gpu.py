"""What needs a CUDA GPU: `python -m pytest -m gpu`. It says so where there is none."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.paths import Paths
from pipeline.stages import train as stage
from pipeline.training.engine import distributed
from tests import checkout
from tests.conftest import REPOSITORY
from tests.factories import tiny, workplace
from tests.training.engine.test_distributed import (
    NORMS,
    assert_near,
    network_and_batch,
    normalised,
    together,
)

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here"),
]


def train(paths: Paths, **changes: object) -> Paths:
    settings = tiny(**{"device": DEVICE, "train__processes": 1} | changes)
    stage.run(paths, device=settings.device, model=settings.model, train=settings.train)
    return paths


def weights(paths: Paths) -> dict[str, torch.Tensor]:
    return torch.load(paths.generator, weights_only=True)["state_dict"]


def curves(paths: Paths) -> np.ndarray:
    """Return the losses and D's outputs, (rows, 4)."""
    table = np.genfromtxt(paths.history, delimiter=",", names=True)
    return np.stack([table[name] for name in ("loss_d", "loss_g", "d_real", "d_fake")], 1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_deterministic_means_the_same_bits_twice_and_across_a_resume(
    tmp_path: Path, precision: str
) -> None:
    exact = {"train__deterministic": True, "train__precision": precision}
    one, two, broken = (workplace(tmp_path / name) for name in ("one", "two", "broken"))
    train(one, **exact)
    train(two, **exact)
    train(broken, **exact, train__images=32)
    train(broken, **exact)
    for name, expected in weights(one).items():
        assert torch.equal(weights(two)[name], expected), name
        assert torch.equal(weights(broken)[name], expected), name


@pytest.mark.parametrize(
    "changes",
    [
        {"train__precision": "bfloat16"},
        {"train__precision": "float16"},  # with its scaler
        {"train__precision": "float32", "train__compile": True},  # CUDA graphs
        {"train__precision": "bfloat16", "train__compile": True},
    ],
    ids=lambda changes: "-".join(str(value) for value in changes.values()),
)
def test_the_curve_is_that_of_the_cpu(tmp_path: Path, changes: dict) -> None:
    here = train(workplace(tmp_path / "here"), **changes)
    cpu = train(workplace(tmp_path / "cpu"), device="cpu")
    # bfloat16 keeps 8 bits and TF32 11; losses near 1, after at most eight steps.
    assert np.allclose(curves(here), curves(cpu), rtol=0.05, atol=0.02)


def work_of_batch_norm(folder: str) -> None:
    """Run by each process: its half through nn.SyncBatchNorm and through our own, over NCCL."""
    with distributed.process_group(torch.device(DEVICE)) as (group, device):
        found = {}
        for kind in NORMS:
            for is_own in (True, False):
                network, x = network_and_batch(kind)
                network, x = network.to(device), x.to(device)
                group.synchronise_batch_norm(network, device, twice_differentiable=is_own)
                expected = distributed.SharedBatchNorm if is_own else torch.nn.SyncBatchNorm
                assert isinstance(network[0], expected)
                outcome = normalised(network, x.chunk(group.world_size)[group.rank])
                found[kind, is_own] = {name: tensor.cpu() for name, tensor in outcome.items()}
        torch.save(found, Path(folder) / f"{group.rank}.pt")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="NCCL needs a GPU for each process")
def test_our_batch_norm_is_torch_s_and_that_of_the_whole_batch(tmp_path: Path) -> None:
    distributed.launch(work_of_batch_norm, (str(tmp_path),), 2)
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for kind, is_own in one:
        found = together(one[kind, is_own], two[kind, is_own])
        assert_near(found, normalised(*network_and_batch(kind)))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one process a GPU: needs two")
def test_two_gpus_train_like_one(tmp_path: Path) -> None:
    one = train(workplace(tmp_path / "one"))
    two = train(workplace(tmp_path / "two"), train__processes=2)
    assert np.allclose(curves(one), curves(two), rtol=0.01, atol=0.005)


def test_the_whole_chain(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    checkout.set_params(tmp_path, {**checkout.TINY, "device": DEVICE})
    command = [sys.executable, "-m", "pipeline", "--root", str(tmp_path), "all"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert f"on {DEVICE}" in done.stdout
    assert Paths(tmp_path).metrics.is_file() and Paths(tmp_path).report.is_file()
