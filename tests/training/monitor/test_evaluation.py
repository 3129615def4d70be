"""Scores while training goes on: of which weights, entered where, and what goes wrong with one."""

import copy
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.common.errors import InputError
from pipeline.models.sampling import decode, draw_inputs
from pipeline.training.engine.ema import measure_statistics
from pipeline.training.monitor.evaluation import STATISTICS_BATCH, Evaluation, Evaluator
from tests import factories

CPU = torch.device("cpu")
INPUTS = draw_inputs(1, "score", 0, 20, latent_dim=8)
STATISTICS_INPUTS = draw_inputs(1, "norm", 0, 64, latent_dim=8)


def evaluate(samples: np.ndarray) -> dict[str, float]:
    """Numbers that tell samples apart."""
    mean, spread = float(samples.mean()), float(samples.std())
    return {"fid": mean, "mifid": spread, "memorization_distance": mean / 255}


def evaluation(state: Any, evaluator: Evaluator) -> Evaluation:
    return Evaluation(
        state,
        lambda: evaluator,
        inputs=INPUTS,
        statistics_inputs=STATISTICS_INPUTS,
        device=CPU,
    )


def training_state() -> Any:
    """What of a training's state a score reads and writes."""
    network = factories.generator().network
    return SimpleNamespace(
        average=SimpleNamespace(network=network),
        history=SimpleNamespace(rows=[]),
        images_seen=0,
        best=None,
    )


def by_hand(network: nn.Module) -> dict[str, float]:
    network = measure_statistics(copy.deepcopy(network), STATISTICS_INPUTS, STATISTICS_BATCH)
    return evaluate(decode(network, INPUTS, CPU))


def test_a_score_is_of_the_weights_at_its_moment_and_the_best_is_kept() -> None:
    state = training_state()
    scores = evaluation(state, evaluate)
    network = state.average.network
    expected, states = [], []
    for seed, seen in ((1, 16), (2, 32), (3, 48)):
        network.load_state_dict(factories.generator(seed).network.state_dict())
        expected.append(by_hand(network))
        states.append(copy.deepcopy(network.state_dict()))
        state.history.rows.append({})
        state.images_seen = seen
        scores.begin()
        with torch.no_grad():
            for weight in network.parameters():  # training goes on
                weight.zero_()
    scores.settle()
    assert state.history.rows == expected
    best = int(np.argmin([score["mifid"] for score in expected]))
    assert len({score["mifid"] for score in expected}) == 3
    assert state.best["mifid"] == expected[best]["mifid"]
    assert state.best["images_seen"] == (16, 32, 48)[best]
    for name, _ in network.named_parameters():
        assert torch.equal(state.best["average"][name], states[best][name])


def test_a_worse_score_after_a_restart_leaves_the_best() -> None:
    state = training_state()
    state.best = before = {"mifid": 0.0, "images_seen": 8, "average": {}}
    scores = evaluation(state, evaluate)
    scores.begin()
    scores.settle()
    assert state.best is before


def test_nothing_waits_for_a_score_but_what_must() -> None:
    go_on = threading.Event()

    def slow(samples: np.ndarray) -> dict[str, float]:
        assert go_on.wait(60)
        return evaluate(samples)

    state = training_state()
    state.history.rows.append({})
    scores = evaluation(state, slow)
    scores.begin()
    scores.settle(wait=False)
    assert state.history.rows == [{}] and state.best is None
    go_on.set()
    scores.settle()
    assert set(state.history.rows[0]) == {"fid", "mifid", "memorization_distance"}


def test_what_goes_wrong_with_a_score_is_told() -> None:
    def failing(samples: np.ndarray) -> dict[str, float]:
        raise InputError("at least 2 images")

    scores = evaluation(training_state(), failing)
    scores.begin()
    with pytest.raises(InputError, match="at least 2 images"):
        scores.settle()
