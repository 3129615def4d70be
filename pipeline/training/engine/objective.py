"""What the training loop knows of a model: an objective that takes steps and names its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from pipeline.config.schema import Train
    from pipeline.training.engine.batches import Batch
    from pipeline.training.engine.distributed import Distributed


@dataclass(frozen=True)
class Metric:
    """A number that training logs. History, curves, plots, comparison and report read these.

    Attributes:
        name: column of outputs/history.csv.
        label: what a chart calls its line.
        panel: title of the chart that it is drawn in, with its unit.
        in_summary: whether the progress line and outputs/training.json show it.
    """

    name: str
    label: str
    panel: str
    in_summary: bool = False


class Objective(Protocol):
    """A family's networks with what they minimise, and their optimisers.

    Attributes:
        weight_streams: of each network that the family builds, the random stream that the seed of
            its initial weights comes from.
        metrics: what `step` returns, in this order.
        generator: what is averaged, sampled and saved: forward(latents, labels=None).
        rate_factor: of all learning rates; 1 until a retry (`train.on_divergence`).
    """

    rate_factor: float
    weight_streams: dict[str, str]
    metrics: tuple[Metric, ...]
    generator: nn.Module

    def __init__(
        self,
        networks: dict[str, nn.Module],
        *,
        train: Train,
        device: torch.device,
        distributed: Distributed,
        conditional: bool,
    ) -> None:
        """
        Args:
            networks: by the names of `weight_streams`, on the device, with their initial weights.
            conditional: whether they are told the class of an image.
        """

    def step(self, batch: Batch, number: int) -> Tensor:
        """Take step `number`, from 0. Return the metrics, float32 (len(metrics),), on the device:
        nothing waits for it."""

    def held_out_metrics(self, generator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return numbers by name, means over a batch of images that training does not see, of a
        finished generator; none where the objective has no such number. One process calls it."""

    def advice(self, shows: float) -> str | None:
        """Return what would help a training that shows each training image `shows` times, in words;
        None where nothing is known."""

    def warning(self, rows: list[dict[str, Any]]) -> str | None:
        """Return what the history's rows so far, perhaps none, say has gone wrong, in words; None
        where nothing has."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a later step depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
