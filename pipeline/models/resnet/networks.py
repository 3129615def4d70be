"""Residual networks: the generator's blocks double the side, the discriminator's halve it.

At a resolution of r px of side s both have channels · min(8, s / r) maps, so that at 64 px and 32
channels these are 32, 64, 128, 256, 256 from the image down to 4 px.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from pipeline.models.family import NetworkSize
from pipeline.models.layers import SpectralNorm, embedded, spectral_norm

ATTENTION_PX = 32  # side of the maps that attention works on
_SMALLEST_PX = 4
_WIDEST = 8


class ResnetGenerator(nn.Module):
    """Latents and classes to images."""

    def __init__(self, size: NetworkSize, *, channels: int, attention: bool) -> None:
        super().__init__()
        side = size.shape.side_px
        self._width = _width(channels, side, _SMALLEST_PX)
        self.first = nn.Linear(size.latent_dim, self._width * _SMALLEST_PX**2)
        self.blocks = nn.ModuleList()
        pixels, before = _SMALLEST_PX, self._width
        while pixels < side:
            pixels *= 2
            after = _width(channels, side, pixels)
            self.blocks.append(UpBlock(before, after, size.classes))
            if attention and pixels == ATTENTION_PX and pixels < side:
                self.blocks.append(Attention(after))
            before = after
        self.last = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.ReLU(),
            nn.Conv2d(before, size.shape.channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent_dim) normal, (N,) labels -> (N, channels, side, side) in (-1, 1)."""
        x = self.first(latents).unflatten(1, (self._width, _SMALLEST_PX, _SMALLEST_PX))
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, labels)
        return self.last(x)


class ResnetDiscriminator(nn.Module):
    """Images and classes to logits; every layer has spectral norm 1."""

    def __init__(self, size: NetworkSize, *, channels: int, attention: bool) -> None:
        super().__init__()
        side = size.shape.side_px
        self.blocks = nn.ModuleList()
        pixels, before = side, size.shape.channels
        while pixels > _SMALLEST_PX:
            pixels //= 2
            after = _width(channels, side, pixels * 2)
            self.blocks.append(DownBlock(before, after, is_first=pixels * 2 == side))
            if attention and pixels == ATTENTION_PX:
                self.blocks.append(Attention(after, normed=True))
            before = after
        self.last = spectral_norm(nn.Linear(before, 1))
        self.projection = None
        if size.classes:
            self.projection = spectral_norm(nn.Embedding(size.classes, before))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, channels, side, side) in [-1, 1], (N,) labels -> (N,) logits, above 0 for "real"."""
        x = images
        for block in self.blocks:
            x = block(x)
        features = x.relu().sum((2, 3))  # (N, D)
        logits = self.last(features).flatten()
        if self.projection is not None:
            logits = logits + (self.projection(labels) * features).sum(1)
        return logits


class UpBlock(nn.Module):
    """Batch norm, ReLU, doubled side, convolution, twice, beside a shortcut."""

    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(
            [ConditionalBatchNorm(before, classes), ConditionalBatchNorm(after, classes)]
        )
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """(N, before, s, s) -> (N, after, 2s, 2s)."""
        inner = F.interpolate(self.norms[0](x, labels).relu(), scale_factor=2)
        inner = self.second(self.norms[1](self.first(inner), labels).relu())
        # A convolution of one pixel and the doubling may change places: a quarter of the work.
        return inner + F.interpolate(self.shortcut(x), scale_factor=2)


class DownBlock(nn.Module):
    """ReLU, convolution, twice, halved side, beside a shortcut; the first block of all has no ReLU
    before the image."""

    def __init__(self, before: int, after: int, *, is_first: bool) -> None:
        super().__init__()
        self._is_first = is_first
        self.first = spectral_norm(nn.Conv2d(before, after, 3, padding=1))
        self.second = spectral_norm(nn.Conv2d(after, after, 3, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, s, s) -> (N, after, s / 2, s / 2)."""
        inner = self.first(x if self._is_first else x.relu())
        inner = F.avg_pool2d(self.second(inner.relu()), 2)
        return inner + self.shortcut(F.avg_pool2d(x, 2))


class ConditionalBatchNorm(nn.Module):
    """Batch norm with a scale and a shift for each class (Dumoulin et al. 2017, arXiv 1610.07629);
    without classes, plain batch norm."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=not classes)
        self.of_class = nn.Embedding(classes, 2 * channels) if classes else None

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """(N, C, H, W), (N,) labels -> (N, C, H, W)."""
        x = self.norm(x)
        if self.of_class is None:
            return x
        scale, shift = embedded(self.of_class, labels)[:, :, None, None].chunk(2, dim=1)
        return x * (1 + scale) + shift


class Attention(nn.Module):
    """Self-attention over all places (Zhang et al. 2019, arXiv 1805.08318), which starts as the
    identity."""

    def __init__(self, channels: int, *, normed: bool = False) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.out = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))
        if normed:
            for layer in (self.query, self.key, self.value, self.out):
                spectral_norm(layer)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W); keys and values at half the side."""
        query = self.query(x).flatten(2).transpose(1, 2)  # (N, HW, C/8)
        key = F.max_pool2d(self.key(x), 2).flatten(2)  # (N, C/8, HW/4)
        value = F.max_pool2d(self.value(x), 2).flatten(2)  # (N, C/2, HW/4)
        weights = (query @ key).softmax(dim=2)  # (N, HW, HW/4)
        found = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gain * self.out(found)


def initialise(network: nn.Module, seed: int) -> None:
    """See the family's `initialise`."""
    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, SpectralNorm):
            module.restart()
        elif isinstance(module, nn.Embedding) and not is_parametrized(module):
            nn.init.zeros_(module.weight)  # conditional batch norm: every class starts alike
        elif isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            normed = is_parametrized(module)
            weight = module.parametrizations.weight.original if normed else module.weight
            nn.init.orthogonal_(weight, generator=source)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)


def _width(channels: int, side_px: int, pixels: int) -> int:
    return channels * min(_WIDEST, side_px // pixels)
