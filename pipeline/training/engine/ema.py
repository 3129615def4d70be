"""The generator's moving average: smoother images than any single moment of training gives
(Yazıcı et al. 2019, arXiv 1806.04498)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from pipeline.models.sampling import GeneratorInputs


class MovingAverage:
    """An average of a generator's weights, with batch-norm statistics of its own.

    The weights are averaged and other buffers copied. Batch norm's running mean and variance belong
    to the weights they were measured with, and the average of many networks is none of them:
    `collect` measures them anew, on the average itself, before it is used.

    Attributes:
        network: the average.
    """

    def __init__(self, generator: nn.Module, halflife_images: float) -> None:
        self.network = copy.deepcopy(generator).eval().requires_grad_(False)
        self.halflife_images = halflife_images
        self._to = list(self.network.parameters())
        self._from = list(generator.parameters())
        self._copied = list(
            zip(_other_buffers(self.network), _other_buffers(generator), strict=True)
        )

    @torch.no_grad()
    def update(self, batch_size: int, images_seen: int) -> None:
        """Move towards the generator, by one batch. `images_seen` counts that batch.

        The half-life is at most a tenth of the images seen, so that the first, untrained weights
        are soon forgotten (Karras et al. 2024, arXiv 2312.02696, give the reasons).
        """
        halflife = min(self.halflife_images, images_seen / 10)
        decay = 0.5 ** (batch_size / halflife) if halflife > 0 else 0.0
        torch._foreach_lerp_(self._to, self._from, 1 - decay)
        for ours, theirs in self._copied:
            ours.copy_(theirs)

    def collect(self, inputs: GeneratorInputs, batch_size: int) -> nn.Module:
        """Return the average, ready for sampling: its batch-norm statistics are those of
        `inputs`."""
        return measure_statistics(self.network, inputs, batch_size)


@torch.no_grad()
def measure_statistics(generator: nn.Module, inputs: GeneratorInputs, batch_size: int) -> nn.Module:
    """Set the running mean and variance of every batch norm, of any kind, to those of `inputs`;
    return the generator, in evaluation mode."""
    layers = [layer for layer in _batch_norms(generator) if layer.track_running_stats]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over all batches
    generator.eval()  # all but batch norm as it is when samples are drawn
    for layer in layers:
        layer.train()
    device = next(generator.parameters()).device
    for start in range(0, len(inputs), batch_size):
        generator(*inputs[start : start + batch_size].on(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.eval()
        layer.momentum = momentum
    return generator


def _batch_norms(network: nn.Module) -> list[nn.Module]:
    # The base that all of torch's kinds share, and the one for several processes too.
    kind = nn.modules.batchnorm._BatchNorm
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def _other_buffers(network: nn.Module) -> list[torch.Tensor]:
    """Return the buffers that are no batch norm's."""
    measured = {
        id(buffer) for layer in _batch_norms(network) for buffer in layer.buffers(recurse=False)
    }
    return [buffer for buffer in network.buffers() if id(buffer) not in measured]
