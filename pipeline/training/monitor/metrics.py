"""The figures of the last steps: checked, averaged into rows, said in one line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.common.errors import PipelineError
from pipeline.training.engine.adversarial import FIGURES
from pipeline.training.monitor import history

if TYPE_CHECKING:
    from pipeline.training.engine.distributed import Team


class TrainingDiverged(PipelineError):
    """A loss or a gradient stopped being a number."""


class Figures:
    """FIGURES of each step since the last row; they stay on the device until one is due."""

    def __init__(self, team: Team, device: torch.device, batch_size: int) -> None:
        self._team = team
        self._device = device
        self._batch_size = batch_size
        self._steps: list[Tensor] = []

    def add(self, figures: Tensor) -> None:
        self._steps.append(figures)

    @property
    def images(self) -> int:
        return len(self._steps) * self._batch_size

    def checked(self, images_seen: int) -> Tensor:
        """(steps, 6) on the CPU, averaged over the processes; waits for the device.

        Raises:
            TrainingDiverged: a figure is not finite.
        """
        if not self._steps:
            return torch.empty(0, len(FIGURES))
        figures = self._team.mean(torch.stack(self._steps).cpu())
        bad = ~figures.isfinite().all(dim=1)
        if bad.any():
            first = int(bad.int().argmax())
            at = images_seen - (len(figures) - first) * self._batch_size
            before = f" (before: {_named(figures[first - 1])})" if first else ""
            raise TrainingDiverged(
                f"training diverged in the step at {at} images: {_named(figures[first])}{before}; "
                f"the last good checkpoint is kept. Lower train.lr, or set "
                f"train.precision: float32"
            )
        return figures

    def row(self, images_seen: int, seconds: float, lasted: float) -> dict[str, Any]:
        """A row of the history: means over the steps so far, which `lasted` seconds."""
        means = self.checked(images_seen).double().mean(dim=0).tolist()
        return history.row(
            images_seen=images_seen,
            seconds=seconds,
            images_per_s=self.images / max(lasted, 1e-9),
            memory_mb=_memory_mb(self._device),
            **dict(zip(FIGURES, means, strict=True)),
        )

    def clear(self) -> None:
        self._steps.clear()

    def state(self, images_seen: int) -> Tensor:
        return self.checked(images_seen)

    def load_state(self, figures: Tensor) -> None:
        self._steps = list(figures.to(self._device))


def short(row: dict[str, Any]) -> str:
    """A row for the progress line."""
    return (
        f"{row['images_per_s']:.0f} images/s, loss D {row['loss_d']:.3f}, G {row['loss_g']:.3f}, "
        f"D(x) {row['d_real']:.2f}, D(G(z)) {row['d_fake']:.2f}"
    )


def _named(figures: Tensor) -> str:
    pairs = zip(FIGURES, figures.tolist(), strict=True)
    return ", ".join(f"{name} {value:.4g}" for name, value in pairs)


def _memory_mb(device: torch.device) -> float:
    """The most memory held so far: the card's on CUDA, else the process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3  # bytes there, kilobytes here
