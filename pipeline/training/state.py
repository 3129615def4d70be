"""Everything that the next step of a training depends on, saved and restored whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.monitor.history import History
from pipeline.training.monitor.metrics import MetricBuffer, peak_memory_mb

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.config.schema import Train
    from pipeline.training.engine.distributed import Distributed
    from pipeline.training.engine.ema import MovingAverage
    from pipeline.training.engine.objective import Objective


class TrainingState:
    """A training so far.

    Attributes:
        objective: the networks and their optimisers.
        average: the generator's moving average.
        metrics: of the steps since the history's last row.
        history: a row each `train.log_every_images`.
        grids: images seen -> bytes of a PNG, as a tensor, so that a checkpoint holds nothing but
            tensors and plain values.
        images_seen: training images that the networks were shown.
        seconds: of training up to the last row, over all its parts.
        best: mifid, images_seen and state of the best average so far (`monitor.evaluation`); None
            before the first score.
    """

    def __init__(
        self,
        objective: Objective,
        average: MovingAverage,
        *,
        train: Train,
        device: torch.device,
        distributed: Distributed,
    ) -> None:
        self.objective = objective
        self.average = average
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
        self._since_row = 0.0  # seconds after the last row and before the clock was started
        self._started: float | None = None

    def start_clock(self) -> None:
        """Count the seconds from now on."""
        self._started = time.monotonic()

    def stop_clock(self) -> None:
        """Count no seconds from now on: what follows the last step is no training."""
        self._since_row, self._started = self._seconds_since_row(), None

    def log_row(self) -> dict[str, Any]:
        """Return a row of the history: the means over the steps since the last row.

        Raises:
            TrainingDiverged: a metric is not finite.
        """
        lasted = self._seconds_since_row()
        self.seconds += lasted
        self._since_row = 0.0
        if self._started is not None:
            self.start_clock()
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
            "metrics": self.metrics.checked(self.images_seen),
            "rows": self.history.rows,
            "grids": self.grids,
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "seconds_since_row": self._seconds_since_row(),
            "best": self.best,
            "rate_factor": self.objective.rate_factor,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.objective.load_state_dict(state["objective"])
        self.average.network.load_state_dict(state["average"])
        self.metrics.load(state["metrics"])
        self.history.rows = state["rows"]
        self.grids = state["grids"]
        self.images_seen = state["images_seen"]
        self.seconds = state["seconds"]
        self._since_row = state["seconds_since_row"]
        self.best = state["best"]
        self.objective.rate_factor = state["rate_factor"]

    def _seconds_since_row(self) -> float:
        running = 0.0 if self._started is None else time.monotonic() - self._started
        return self._since_row + running
