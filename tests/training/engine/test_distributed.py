"""Two processes at half the batch are one at the whole: batch norm, training, continuing."""

import copy
import os
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from pipeline.common.errors import InputError, PipelineError
from pipeline.common.paths import Paths
from pipeline.stages import train as stage
from pipeline.training import fingerprint
from pipeline.training.engine import distributed
from pipeline.training.engine.distributed import Distributed
from tests.factories import tiny, workplace

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo over fork and signals")

# Every kind of batch norm that a family may use, and the shape of its input beside (N, C).
NORMS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "2d": (nn.BatchNorm2d(3), (4, 4)),
    "1d": (nn.BatchNorm1d(3), ()),
    "1d of sequences": (nn.BatchNorm1d(3), (5,)),
    "3d": (nn.BatchNorm3d(3), (2, 2, 2)),
    "2d without weights": (nn.BatchNorm2d(3, affine=False), (4, 4)),
    "1d without weights": (nn.BatchNorm1d(3, affine=False), ()),
    "2d without statistics": (nn.BatchNorm2d(3, track_running_stats=False), (4, 4)),
    "1d with neither": (nn.BatchNorm1d(3, affine=False, track_running_stats=False), ()),
    "2d without momentum": (nn.BatchNorm2d(3, momentum=None), (4, 4)),
}


def network_and_batch(kind: str) -> tuple[nn.Module, Tensor]:
    """Return a network of one batch norm, and 8 inputs of it."""
    norm, places = NORMS[kind]
    network = nn.Sequential(copy.deepcopy(norm))
    if norm.affine:
        with torch.no_grad():
            network[0].weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
    # The halves differ a lot, so that statistics of one's own half would be far off.
    x = torch.randn(8, 3, *places, generator=torch.Generator().manual_seed(0))
    return network, x + torch.arange(8).view(8, *[1] * (x.dim() - 1))


def normalised(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return what two steps give, which the momentum tells apart: the second one's output and
    gradients, the running statistics after both, the output in evaluation mode."""
    norm = network[0]
    # A loss in which each element has a weight of its own, so that no gradient cancels out.
    weight = torch.linspace(-1, 2, x[0].numel()).view_as(x[0])
    for step in (x * 2 + 1, x):
        network.zero_grad()
        step = step.clone().requires_grad_()
        out = network(step)
        (out * weight * out.detach().sin()).sum().backward()
    found = {"out": out.detach(), "to the input": step.grad}
    if norm.affine:
        found |= {"to the weight": norm.weight.grad, "to the bias": norm.bias.grad}
    if norm.track_running_stats:
        found |= {"running mean": norm.running_mean, "running var": norm.running_var}
        # Without statistics it is normalised by the images that are there: of one process.
        found["out in evaluation"] = network.eval()(x).detach()
    return found


def work_of_batch_norm(folder: str) -> None:
    """Run by each process: its half through each shared batch norm, and through a plain one."""
    with distributed.process_group(CPU) as (group, device):
        found = {}
        for kind in NORMS:
            network, x = network_and_batch(kind)
            names = set(network.state_dict())
            group.synchronise_batch_norm(network, device, twice_differentiable=True)
            assert isinstance(network[0], distributed.SharedBatchNorm)
            assert set(network.state_dict()) == names
            found[kind] = normalised(network, x.chunk(group.world_size)[group.rank])
        network, x = network_and_batch("2d")
        found["plain"] = normalised(network, x.chunk(group.world_size)[group.rank])
        torch.save(found, Path(folder) / f"{group.rank}.pt")
        assert group.all_reduce_max(group.rank, -group.rank) == [1, 0]
        assert group.all_reduce_mean(torch.tensor([float(group.rank)])).tolist() == [0.5]
        assert group.broadcast("yes" if group.is_main else "no") == "yes"
        dist.barrier()


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    """What each of two processes found for its half."""
    folder = tmp_path_factory.mktemp("norms")
    distributed.launch(work_of_batch_norm, (str(folder),), 2)
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def together(one: dict[str, Tensor], two: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what two halves are for the whole batch: weights' gradients add up, what belongs to
    the images lies one after the other, and the statistics are the first process's."""
    found = {}
    for name in one:
        if name in ("to the weight", "to the bias"):
            found[name] = one[name] + two[name]
        elif name.startswith("running"):
            found[name] = one[name]
        else:
            found[name] = torch.cat([one[name], two[name]])
    return found


def assert_near(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name in ours:
        # float32 sums of at most 128 values in another order, of values up to 10.
        assert torch.allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-4), name


@pytest.mark.parametrize("kind", NORMS)
def test_batch_norm_over_two_processes_is_that_of_the_whole_batch(
    halves: list[dict[str, dict[str, Tensor]]], kind: str
) -> None:
    one, two = (half[kind] for half in halves)
    for name in one:
        if name.startswith("running"):
            assert torch.equal(one[name], two[name]), name
    assert_near(together(one, two), normalised(*network_and_batch(kind)))


def test_batch_norm_of_each_half_by_itself_is_another(
    halves: list[dict[str, dict[str, Tensor]]],
) -> None:
    """The known-bad twin: without synchronisation."""
    found = together(*(half["plain"] for half in halves))
    expected = normalised(*network_and_batch("2d"))
    for name in ("out", "to the input", "running mean"):
        assert not torch.allclose(found[name], expected[name], atol=0.1), name


# --- training ----------------------------------------------------------------------------------
def weights(paths: Paths) -> dict[str, Tensor]:
    return torch.load(paths.generator, weights_only=True)["state_dict"]


def train(paths: Paths, **changes: object) -> None:
    settings = tiny(**changes)
    stage.run(paths, device="cpu", model=settings.model, train=settings.train)


def test_two_processes_train_like_one_and_one_continues_what_two_began(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    r1 = {"train__adversarial__r1": 1.0}  # its second derivatives pass the shared batch norm
    one, two = workplace(tmp_path / "one"), workplace(tmp_path / "two")
    train(one, train__processes=1, **r1)
    train(two, train__processes=2, **r1)
    assert "2 processes share each batch" in capfd.readouterr().out
    assert_weights_near(one, two)
    for name in ("history", "curves_csv"):
        ours, theirs = (getattr(paths, name).read_text() for paths in (one, two))
        assert ours.count("\n") == theirs.count("\n"), name
    assert [path.name for path in two.grids.iterdir()] == [
        path.name for path in one.grids.iterdir()
    ]
    train(one, train__images=128, **r1)
    train(two, train__images=128, train__processes=1, **r1)
    assert "continuing at 64 images" in capfd.readouterr().out
    assert_weights_near(one, two)


def assert_weights_near(one: Paths, two: Paths) -> None:
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
    with distributed.process_group(CPU) as (group, _):
        if fault == "another rate":
            lr = 1e-3 if group.rank else 1e-4
            fingerprint.require_same({"train.lr": lr, "train.seed": 1}, group)
        elif group.is_main:
            group.all_reduce_mean(torch.zeros(1))
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
    assert Distributed(rank=1, world_size=4).local_batch_size(32) == 8
    with pytest.raises(InputError, match="take a multiple"):
        Distributed(world_size=3).local_batch_size(32)


def test_auto_is_one_process_without_gpus() -> None:
    assert distributed.process_count("auto", CPU) == 1
    assert distributed.process_count(3, CPU) == 3
