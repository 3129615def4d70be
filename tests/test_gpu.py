"""What needs a CUDA GPU: `python -m pytest -m gpu`. It says so where there is none."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.stages import train as stage
from pipeline.training.engine import distributed
from tests.checkout import TINY
from tests.conftest import REPOSITORY
from tests.training.engine.test_distributed import network_and_batch, normalised
from tests.training.tiny import tiny, workplace

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
    """(rows, 4): the losses and D's answers."""
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
    with distributed.joined(torch.device(DEVICE)) as (team, device):
        network, x = network_and_batch()
        network, x = network.to(device), x.to(device)
        team.synchronise_batch_norm(network, device, twice_differentiable=False)
        assert isinstance(network[0], torch.nn.SyncBatchNorm)
        own = torch.nn.Sequential(distributed.SharedBatchNorm2d(3)).to(device)
        own.load_state_dict(network.state_dict())
        for name, each in (("torch", network), ("own", own)):
            found = normalised(each, x.chunk(team.size)[team.rank])
            torch.save([tensor.cpu() for tensor in found], Path(folder) / f"{name}{team.rank}.pt")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="NCCL needs a GPU for each process")
def test_our_batch_norm_is_torch_s_and_that_of_the_whole_batch(tmp_path: Path) -> None:
    distributed.launch(work_of_batch_norm, (str(tmp_path),), 2)
    expected = normalised(*network_and_batch())
    for name in ("torch", "own"):
        one, two = (torch.load(tmp_path / f"{name}{rank}.pt") for rank in (0, 1))
        halves = [torch.cat(pair) for pair in zip(one[:2], two[:2], strict=True)]
        summed = [a + b for a, b in zip(one[2:4], two[2:4], strict=True)]
        for ours, theirs in zip(halves + summed + one[4:], expected, strict=True):
            # float32 sums of 128 values in another order, of values up to 10.
            assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4), name


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one process a GPU: needs two")
def test_two_gpus_train_like_one(tmp_path: Path) -> None:
    one = train(workplace(tmp_path / "one"))
    two = train(workplace(tmp_path / "two"), train__processes=2)
    assert np.allclose(curves(one), curves(two), rtol=0.01, atol=0.005)


def test_the_whole_chain(tmp_path: Path) -> None:
    content = params.override(params.read(REPOSITORY / "params.yaml"), TINY)
    with open(tmp_path / "params.yaml", "w") as file:
        YAML(typ="safe").dump(content | {"device": DEVICE}, file)
    command = [sys.executable, "-m", "pipeline", "--root", str(tmp_path), "all"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert f"on {DEVICE}" in done.stdout
    assert Paths(tmp_path).metrics.is_file() and Paths(tmp_path).report.is_file()
