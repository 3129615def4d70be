"""The generator's moving average: smoother pictures than any single moment of the game gives
(Yazıcı et al. 2019, arXiv 1806.04498)."""

import copy

import numpy as np
import torch
from torch import nn


class MovingAverage:
    """An average of a generator's weights, with batch-norm statistics of its own.

    Only the weights are averaged. Batch norm's running mean and variance belong to the weights
    they were measured with, and the average of many networks is none of them: `collect` measures
    them anew, on the average itself, before it is used.
    """

    def __init__(self, generator: nn.Module, halflife_images: float) -> None:
        self.average = copy.deepcopy(generator).eval().requires_grad_(False)
        self.halflife_images = halflife_images
        self._to = list(self.average.parameters())
        self._from = list(generator.parameters())

    @torch.no_grad()
    def update(self, batch_size: int, images_seen: int) -> None:
        """Move towards the generator, by one batch. `images_seen` counts that batch.

        The half-life is at most a tenth of the images seen, so that the first, untrained weights
        are soon forgotten (Karras et al. 2024, arXiv 2312.02696, give the reasons).
        """
        halflife = min(self.halflife_images, images_seen / 10)
        decay = 0.5 ** (batch_size / halflife) if halflife > 0 else 0.0
        torch._foreach_lerp_(self._to, self._from, 1 - decay)

    def collect(self, latents: np.ndarray, batch_size: int) -> nn.Module:
        """The average, ready for sampling: its batch-norm statistics are those of `latents`."""
        return measure_statistics(self.average, latents, batch_size)


@torch.no_grad()
def measure_statistics(generator: nn.Module, latents: np.ndarray, batch_size: int) -> nn.Module:
    """Set batch norm's running mean and variance to those of `latents`; returns the generator."""
    layers = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over all batches
    generator.train()
    device = next(generator.parameters()).device
    for start in range(0, len(latents), batch_size):
        generator(torch.from_numpy(latents[start : start + batch_size]).to(device))
    generator.eval()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    return generator
