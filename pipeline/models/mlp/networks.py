"""Dense layers from a latent to an image, and from an image to a logit."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from pipeline.models.family import NetworkSize
from pipeline.models.layers import Dropout, with_labels

# Keras counts what is kept of the running statistics (0.8), torch what is new.
_BATCH_NORM_MOMENTUM = 0.2
_SLOPE = 0.2


class MlpGenerator(nn.Module):
    """Hidden layers with batch norm after the activation, as in the report; tanh at the end."""

    def __init__(self, size: NetworkSize, *, widths: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self._classes = size.classes
        layers: list[nn.Module] = []
        for before, after in pairwise([size.latent_dim + size.classes, *widths]):
            layers += [
                nn.Linear(before, after),
                _activation(activation),
                nn.BatchNorm1d(after, momentum=_BATCH_NORM_MOMENTUM),
            ]
        side, channels = size.shape.side_px, size.shape.channels
        layers += [
            nn.Linear(widths[-1], channels * side * side),
            nn.Tanh(),
            nn.Unflatten(1, (channels, side, side)),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent_dim) normal, (N,) labels -> (N, channels, side, side) in (-1, 1)."""
        return self.layers(with_labels(latents, labels, self._classes))


class MlpDiscriminator(nn.Module):
    """Hidden layers, dropout before the output, no norm."""

    def __init__(
        self, size: NetworkSize, *, widths: tuple[int, ...], activation: str, dropout: float
    ) -> None:
        super().__init__()
        self._classes = size.classes
        inputs = size.shape.channels * size.shape.side_px**2 + size.classes
        layers: list[nn.Module] = []
        for before, after in pairwise([inputs, *widths]):
            layers += [nn.Linear(before, after), _activation(activation)]
        if dropout:
            layers.append(Dropout(dropout, widths[-1]))
        layers.append(nn.Linear(widths[-1], 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, channels, side, side) in [-1, 1], (N,) labels -> (N,) logits, above 0 for "real"."""
        return self.layers(with_labels(images.flatten(1), labels, self._classes)).flatten()


def _activation(name: str) -> nn.Module:
    return nn.ReLU() if name == "relu" else nn.LeakyReLU(_SLOPE)
