"""What a training is so far: saved and restored whole, and the seconds that it took."""

import pytest
import torch

from pipeline.models.family import NetworkSize
from pipeline.training import state as module
from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.ema import MovingAverage
from pipeline.training.state import TrainingState
from tests import factories, toy

CPU = torch.device("cpu")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def training_state(seed: int = 1) -> TrainingState:
    model, train = toy.settings()
    size = NetworkSize(model.latent_dim, factories.dataset().shape, 0)
    networks = toy.Toy.build(model.toy, size)
    for network in networks.values():
        toy.Toy.initialise(network, seed)
    average = MovingAverage(networks["generator"], train.ema_halflife_images)
    settings = {"train": train, "device": CPU, "distributed": Distributed()}
    objective = toy.LeastSquares(networks, **settings, conditional=False)
    return TrainingState(objective, average, **settings)


def step(state: TrainingState, seconds: float, clock: Clock) -> None:
    """Take a step of 8 images that takes so long."""
    clock.now += seconds
    state.images_seen += 8
    state.metrics.add(torch.tensor([-1.0, 0.5]))


def test_a_row_holds_the_time_since_the_last_one(clock: Clock) -> None:
    state = training_state()
    clock.now += 100  # of preparation
    state.start_clock()
    step(state, 2.0, clock)
    step(state, 2.0, clock)
    row = state.log_row()
    assert (row["images_seen"], row["seconds"], row["images_per_s"]) == (16, 4.0, 4.0)
    assert (row["elbo"], row["kl"], row["mifid"]) == (-1.0, 0.5, None)
    step(state, 1.0, clock)
    row = state.log_row()
    assert (row["images_seen"], row["seconds"], row["images_per_s"]) == (24, 5.0, 8.0)


def test_what_follows_the_last_step_is_not_counted(clock: Clock) -> None:
    state = training_state()
    state.start_clock()
    step(state, 2.0, clock)
    state.stop_clock()
    clock.now += 50  # a score that is waited for, a checkpoint
    row = state.log_row()
    assert (row["seconds"], row["images_per_s"]) == (2.0, 4.0)


def test_time_goes_on_after_a_restart_where_it_was(clock: Clock) -> None:
    one = training_state()
    one.start_clock()
    step(one, 2.0, clock)
    one.log_row()
    step(one, 3.0, clock)
    saved = one.state_dict()
    clock.now += 500
    other = training_state()
    other.load_state_dict(saved)
    other.start_clock()
    step(other, 1.0, clock)
    row = other.log_row()
    # Two steps of this row, one on each side of the break.
    assert (row["images_seen"], row["seconds"], row["images_per_s"]) == (24, 6.0, 4.0)


def test_everything_goes_round(clock: Clock) -> None:
    one = training_state()
    step(one, 1.0, clock)
    one.history.rows.append(one.log_row())
    one.grids[8] = torch.arange(5, dtype=torch.uint8)
    one.best = {"mifid": 3.0, "images_seen": 8, "average": {}}
    step(one, 1.0, clock)
    one.average.update(8, 16)
    other = training_state(seed=2)
    other.load_state_dict(one.state_dict())
    assert (other.images_seen, other.best) == (16, one.best)
    assert other.history.rows == one.history.rows
    assert torch.equal(other.grids[8], one.grids[8])
    assert torch.equal(other.metrics.checked(16), one.metrics.checked(16))
    for ours, theirs in (
        (other.average.network, one.average.network),
        (other.objective.networks, one.objective.networks),
    ):
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name
