"""Everything that the next step of a training depends on, saved and restored whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.engine.ema import MovingAverage
from pipeline.training.monitor.history import History
from pipeline.training.monitor.metrics import MetricBuffer, peak_memory_mb

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config.schema import Train
    from pipeline.training.engine.distributed import Distributed
    from pipeline.training.engine.objective import Objective


class Run:
    """A training so far.

    Attributes:
        objective: the networks and their optimisers.
        average: the generator's moving average.
        metrics: of the steps since the history's last row.
        history: a row each `train.log_every_images`.
        grids: images seen -> bytes of a PNG, as a tensor, so that a checkpoint holds nothing but
            tensors and plain values.
        images_seen: by the networks.
        seconds: of training, over all its parts.
        best: the best generator so far (`monitor.evaluation`); None before the first score.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        train: Train,
        device: torch.device,
        distributed: Distributed,
    ) -> None:
        self.objective = objective
        self.average = MovingAverage(objective.generator, train.ema_halflife_images)
        self.metrics = MetricBuffer(
            objective.metrics,
            batch_size=train.batch_size,
            device=device,
            distributed=distributed,
        )
        self.history = History(objective.metrics)
        self.grids: dict[int, Tensor] = {}
        self.images_seen = 0
        self.seconds = 0.0
        self.best: dict[str, Any] | None = None
        self._device = device
        self._last = time.monotonic()

    def start_clock(self) -> None:
        """Count the seconds from now on."""
        self._last = time.monotonic()

    def log_row(self) -> dict[str, Any]:
        """Return a row of the history: the means over the steps since the last one.

        Raises:
            TrainingDiverged: a metric is not finite.
        """
        lasted = self._lap()
        row = self.history.row(
            images_seen=self.images_seen,
            seconds=self.seconds,
            images_per_s=self.metrics.images / max(lasted, 1e-9),
            memory_mb=peak_memory_mb(self._device),
            **self.metrics.means(self.images_seen),
        )
        self.metrics.clear()
        return row

    def state_dict(self) -> dict[str, Any]:
        """Return everything. All processes call it: the metrics are averaged over them.

        Raises:
            TrainingDiverged: a metric is not finite.
        """
        return {
            "objective": self.objective.state_dict(),
            "average": self.average.network.state_dict(),
            "metrics": self.metrics.state(self.images_seen),
            "rows": self.history.rows,
            "grids": self.grids,
            "images_seen": self.images_seen,
            "seconds": self.seconds + (time.monotonic() - self._last),
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.objective.load_state_dict(state["objective"])
        self.average.network.load_state_dict(state["average"])
        self.metrics.load_state(state["metrics"])
        self.history.rows = state["rows"]
        self.grids = state["grids"]
        self.images_seen = state["images_seen"]
        self.seconds = state["seconds"]
        self.best = state["best"]

    def _lap(self) -> float:
        """Add the seconds since the last row to `seconds`; return them."""
        now = time.monotonic()
        lasted, self._last = now - self._last, now
        self.seconds += lasted
        return lasted
