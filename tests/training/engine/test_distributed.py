"""Two processes at half the batch are one at the whole: batch norm, training, continuing."""

import os
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from pipeline.common.errors import InputError, PipelineError
from pipeline.common.paths import Paths
from pipeline.stages import train as stage
from pipeline.training.engine import distributed
from pipeline.training.engine.distributed import Team
from tests.training.tiny import tiny, workplace

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo over fork and signals")


def normalised(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, input gradient, weight gradients and running statistics of a little network."""
    x = x.clone().requires_grad_()
    # A loss in which each element has a weight of its own, so that no gradient cancels out.
    weight = torch.linspace(-1, 2, x[0].numel()).view_as(x[0])
    out = network(x)
    (out * weight * out.detach().sin()).sum().backward()
    norm = network[0]
    return [
        out.detach(),
        x.grad,
        norm.weight.grad,
        norm.bias.grad,
        norm.running_mean,
        norm.running_var,
    ]


def network_and_batch() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(3))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
    # The halves differ a lot, so that statistics of one's own half would be far off.
    x = torch.randn(8, 3, 4, 4) + torch.arange(8).view(8, 1, 1, 1)
    return network, x


def work_of_batch_norm(folder: str) -> None:
    """Run by each process: its half through the shared batch norm and through the plain one."""
    with distributed.joined(CPU) as (team, device):
        for name in ("shared", "plain"):
            network, x = network_and_batch()
            if name == "shared":
                team.synchronise_batch_norm(network, device, twice_differentiable=True)
            found = normalised(network, x.chunk(team.size)[team.rank])
            torch.save(found, Path(folder) / f"{name}{team.rank}.pt")
        assert team.highest(team.rank, -team.rank) == [1, 0]
        assert team.mean(torch.tensor([float(team.rank)])).tolist() == [0.5]
        assert team.from_leader("yes" if team.leads else "no") == "yes"
        dist.barrier()


def test_batch_norm_over_two_processes_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    distributed.launch(work_of_batch_norm, (str(tmp_path),), 2)
    expected = normalised(*network_and_batch())

    def joined(name: str) -> list[torch.Tensor]:
        one, two = (torch.load(tmp_path / f"{name}{rank}.pt") for rank in (0, 1))
        together = [torch.cat(pair) for pair in zip(one[:2], two[:2], strict=True)]
        summed = [a + b for a, b in zip(one[2:4], two[2:4], strict=True)]
        assert all(torch.equal(a, b) for a, b in zip(one[4:], two[4:], strict=True)) or (
            name == "plain"
        )
        return together + summed + one[4:]

    for ours, theirs in zip(joined("shared"), expected, strict=True):
        # float32 sums of 128 values in another order, of values up to 10.
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    # Without synchronisation (the known-bad version) each half is normalised by itself.
    assert not torch.allclose(joined("plain")[0], expected[0], atol=0.1)


def weights(paths: Paths) -> dict[str, torch.Tensor]:
    return torch.load(paths.generator, weights_only=True)["state_dict"]


def train(paths: Paths, **changes: object) -> None:
    settings = tiny(**changes)
    stage.run(paths, device="cpu", model=settings.model, train=settings.train)


def test_two_processes_train_like_one_and_one_continues_what_two_began(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    r1 = {"train__r1": 1.0}  # its second derivatives go through the shared batch norm
    one, two = workplace(tmp_path / "one"), workplace(tmp_path / "two")
    train(one, train__processes=1, **r1)
    train(two, train__processes=2, **r1)
    assert "2 processes share each batch" in capfd.readouterr().out
    assert_near(one, two)
    assert two.history.read_text().count("\n") == one.history.read_text().count("\n")
    train(one, train__images=128, **r1)
    train(two, train__images=128, train__processes=1, **r1)
    assert "continuing at 64 images" in capfd.readouterr().out
    assert_near(one, two)


def assert_near(one: Paths, two: Paths) -> None:
    """Adam divides a gradient by its size, so rounding in a tiny one may turn a whole step (2e-4)
    around; after at most 16 steps most weights agree far better, and none is off by more than
    ten steps. Training on the same half twice, or without averaging, is off by that everywhere."""
    for (name, ours), theirs in zip(weights(one).items(), weights(two).values(), strict=True):
        if ours.dtype.is_floating_point and "running" not in name:
            off = (ours - theirs).abs()
            assert off.max() < 2e-3, name
            assert off.median() < 2e-5, name


def test_a_fault_in_a_process_is_one_line(tmp_path: Path) -> None:
    paths = workplace(tmp_path)
    with pytest.raises(PipelineError, match=r"train.batch_size = 7: cannot be shared by 2"):
        train(paths, train__processes=2, train__batch_size=7)


def work_of_strangers(fault: str) -> None:
    with distributed.joined(CPU) as (team, _):
        if fault == "another rate":
            team.require_same({"train.lr": 1e-3 if team.rank else 1e-4, "train.seed": 1})
        elif team.leads:
            team.mean(torch.zeros(1))
        else:
            os._exit(0)  # without a word, and not as a fault of its own


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("another rate", r"another run than the first one: train.lr: 0.0001 → 0.001; give all"),
        ("gone", r"another process of this training has ended or cannot be reached"),
    ],
    ids=["another", "gone"],
)
def test_processes_that_do_not_fit_together_say_so(fault: str, words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        distributed.launch(work_of_strangers, (fault,), 2)


def test_a_batch_is_shared_or_refused() -> None:
    assert Team(rank=1, size=4).share(32) == 8
    with pytest.raises(InputError, match="take a multiple"):
        Team(size=3).share(32)


def test_auto_is_one_process_without_gpus() -> None:
    assert distributed.wanted("auto", CPU) == 1
    assert distributed.wanted(3, CPU) == 3
