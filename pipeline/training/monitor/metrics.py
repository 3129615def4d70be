"""The metrics of the last steps: checked, and averaged into a row of the history."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.common.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.training.engine.distributed import Distributed
    from pipeline.training.engine.objective import Metric


class TrainingDiverged(PipelineError):
    """A metric of a step, such as a loss or the norm of a gradient, is not finite."""


class MetricBuffer:
    """The metrics of each step since the last row; they stay on the device until a row is due."""

    def __init__(
        self,
        metrics: tuple[Metric, ...],
        *,
        batch_size: int,
        device: torch.device,
        distributed: Distributed,
    ) -> None:
        self._names = [metric.name for metric in metrics]
        self._batch_size = batch_size
        self._device = device
        self._distributed = distributed
        self._steps: list[Tensor] = []

    def add(self, metrics: Tensor) -> None:
        """Keep the metrics of a step, float32 (len(metrics),)."""
        self._steps.append(metrics)

    @property
    def images(self) -> int:
        """Return how many images the networks were shown in the steps so far."""
        return len(self._steps) * self._batch_size

    def checked(self, images_seen: int) -> Tensor:
        """Return the metrics of all steps so far, averaged over the processes: float32
        (steps, len(metrics)) on the CPU. Waits for the device.

        Args:
            images_seen: by the run, the steps so far included.

        Raises:
            TrainingDiverged: one is not finite.
        """
        if not self._steps:
            return torch.empty(0, len(self._names))
        steps = self._distributed.all_reduce_mean(torch.stack(self._steps).cpu())
        bad = ~steps.isfinite().all(dim=1)
        if bad.any():
            first = int(bad.int().argmax())
            at = images_seen - (len(steps) - first) * self._batch_size
            before = f" (before: {self._in_words(steps[first - 1])})" if first else ""
            raise TrainingDiverged(
                f"training diverged in the step at {at} images: {self._in_words(steps[first])}"
                f"{before}; the last good checkpoint is kept. Lower train.lr, or set "
                f"train.precision: float32"
            )
        return steps

    def means(self, images_seen: int) -> dict[str, float]:
        """Return the mean of each metric over the steps so far; raises as `checked`."""
        means = self.checked(images_seen).double().mean(dim=0).tolist()
        return dict(zip(self._names, means, strict=True))

    def clear(self) -> None:
        """Forget the steps so far."""
        self._steps.clear()

    def load(self, steps: Tensor) -> None:
        """Continue from what `checked` returned."""
        self._steps = list(steps.to(self._device))

    def _in_words(self, metrics: Tensor) -> str:
        pairs = zip(self._names, metrics.tolist(), strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in pairs)


def peak_memory_mb(device: torch.device) -> float:
    """Return the most memory held so far, in MB: the card's on CUDA, else the process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3  # bytes there, kilobytes here
