"""Scores of samples from time to time, computed in a thread while training goes on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pipeline.common import devices
from pipeline.models.sampling import decode
from pipeline.training.engine.ema import measure_statistics

if TYPE_CHECKING:
    from pipeline.models.sampling import GeneratorInputs
    from pipeline.training.state import TrainingState

SAMPLES = 2000  # scored, and at most as many crops
STATISTICS_BATCH = 256  # inputs at once where batch-norm statistics are measured

# The metrics of samples, uint8 (N, side, side, channels), by the names of `history.EVALUATION`.
Evaluator = Callable[[np.ndarray], dict[str, float]]


@dataclass
class _Pending:
    """A score that is being computed, with the row and the best generator that it may change."""

    found: Future[dict[str, float]]
    row: dict[str, Any]
    images_seen: int
    generator: nn.Module


class Evaluation:
    """Scores of a run's averages, each computed in a thread while training goes on.

    A score is that of the weights at the moment of `begin`, whenever it is ready. `settle` enters
    it into the last row of that moment and into `state.best`; what needs these for good (a
    checkpoint, the end) waits.
    """

    def __init__(
        self,
        state: TrainingState,
        make_evaluator: Callable[[], Evaluator],
        *,
        inputs: GeneratorInputs,
        statistics_inputs: GeneratorInputs,
        device: torch.device,
    ) -> None:
        """
        Args:
            make_evaluator: called in the thread, before the first score.
            inputs: of the samples that are scored.
            statistics_inputs: those that batch norm's statistics are measured with.
        """
        self._state = state
        self._make_evaluator = make_evaluator
        self._inputs = inputs
        self._statistics_inputs = statistics_inputs
        self._device = device
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="evaluation")
        self._evaluator: Evaluator | None = None
        self._pending: _Pending | None = None

    def begin(self) -> None:
        """Score the average as it is now, after the score that is under way."""
        self.settle()
        rows = self._state.history.rows
        snapshot = copy.deepcopy(self._state.average.network)
        self._pending = _Pending(
            found=self._pool.submit(self._score, snapshot),
            row=rows[-1] if rows else {},
            images_seen=self._state.images_seen,
            generator=snapshot,
        )

    def settle(self, *, wait: bool = True) -> None:
        """Enter the score that is under way, if there is one; raises what went wrong with it."""
        pending = self._pending
        if pending is None or not (wait or pending.found.done()):
            return
        found = pending.found.result()
        self._pending = None
        pending.row.update(found)
        best = self._state.best
        if best is None or found["mifid"] < best["mifid"]:
            state = {name: value.cpu() for name, value in pending.generator.state_dict().items()}
            self._state.best = {
                "mifid": found["mifid"],
                "images_seen": pending.images_seen,
                "average": state,
            }

    def discard(self) -> None:
        """Wait for the score that is under way, and forget it."""
        if self._pending is not None:
            self._pending.found.exception()
            self._pending = None

    def _score(self, generator: nn.Module) -> dict[str, float]:
        # The number of threads is each thread's own: the trainer keeps its own.
        with devices.cpu_threads(1):
            if self._evaluator is None:
                self._evaluator = self._make_evaluator()
            measure_statistics(generator, self._statistics_inputs, STATISTICS_BATCH)
            return self._evaluator(decode(generator, self._inputs, self._device))
