"""Encoders and decoders: dense layers, or convolutions with stride 2. All activations are ReLU.

A decoder gives logits: of a Bernoulli likelihood's probabilities, or, through tanh, of a Gaussian
likelihood's mean. Its image is tanh(logits / 2), which is 2·sigmoid(logits) − 1.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.models.family import NetworkSize
from pipeline.models.layers import with_labels


class _Decoder(nn.Module):
    """Latents (and labels) to images, with the layers that a kind of decoder gives."""

    def __init__(self, size: NetworkSize, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self._classes = size.classes

    def logits(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits (N, channels, side, side) of latents (N, latent_dim) and, where the model
        is conditional, labels int64 (N,)."""
        return self.layers(with_labels(latents, labels, self._classes))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the mean image, (N, channels, side, side) in (-1, 1)."""
        return torch.tanh(self.logits(latents, labels) / 2)


class _Encoder(nn.Module):
    """Images (and labels) to the posterior's mean and logarithm of its variance."""

    def __init__(self, size: NetworkSize, layers: nn.Module, features: int) -> None:
        super().__init__()
        self.layers = layers
        self.posterior = nn.Linear(features + size.classes, 2 * size.latent_dim)
        self._classes = size.classes

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, (N, latent_dim) each, of images in [-1, 1]."""
        features = with_labels(self.layers(images), labels, self._classes)
        mean, log_variance = self.posterior(features).chunk(2, dim=1)
        return mean, log_variance


class DenseEncoder(_Encoder):
    """Hidden layers of these widths, the widest next to the image as a rule."""

    def __init__(self, size: NetworkSize, widths: tuple[int, ...]) -> None:
        sizes = [_pixels(size), *widths]
        super().__init__(size, nn.Sequential(nn.Flatten(), *_dense(sizes)), widths[-1])


class DenseDecoder(_Decoder):
    """The encoder's mirror."""

    def __init__(self, size: NetworkSize, widths: tuple[int, ...]) -> None:
        side, channels = size.shape.side_px, size.shape.channels
        sizes = [size.latent_dim + size.classes, *reversed(widths)]
        layers = nn.Sequential(
            *_dense(sizes),
            nn.Linear(widths[0], _pixels(size)),
            nn.Unflatten(1, (channels, side, side)),
        )
        super().__init__(size, layers)


class ConvEncoder(_Encoder):
    """Convolutions 3x3 with stride 2 and these channels (TensorFlow's tutorial: 32, 64)."""

    def __init__(self, size: NetworkSize, widths: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise([size.shape.channels, *widths]):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        side = size.shape.side_px >> len(widths)
        super().__init__(size, nn.Sequential(*layers, nn.Flatten()), widths[-1] * side * side)


class ConvDecoder(_Decoder):
    """A dense layer to the smallest map, then transposed convolutions 3x3 with stride 2 and the
    encoder's channels backwards, then one with stride 1 to the image."""

    def __init__(self, size: NetworkSize, widths: tuple[int, ...]) -> None:
        side = size.shape.side_px >> len(widths)
        first = widths[0]
        layers: list[nn.Module] = [
            nn.Linear(size.latent_dim + size.classes, first * side * side),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (first, side, side)),
        ]
        for before, after in pairwise([first, *reversed(widths)]):
            layers += [
                nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1),
                nn.ReLU(inplace=True),
            ]
        layers.append(nn.ConvTranspose2d(first, size.shape.channels, 3, padding=1))
        super().__init__(size, nn.Sequential(*layers))


def _dense(sizes: list[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU(inplace=True)]
    return layers


def _pixels(size: NetworkSize) -> int:
    return size.shape.channels * size.shape.side_px**2
