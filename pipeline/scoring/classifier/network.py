"""The classifier's network: three convolutions, then two dense layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.images.shape import ImageShape

SIDE_PX = 32
FEATURES = 128
_WIDTHS = (32, 64, 128)


class ClassifierNetwork(nn.Module):
    """Images of 32 px to logits of the classes. The first layer sees 2x2 pixels as one, which costs
    a quarter of the work and, on digits and clothes, no accuracy."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),  # (N, 4 channels, 16, 16)
            *_convolution(4 * channels, first),
            *_convolution(first, second),
            nn.MaxPool2d(2),  # (N, 64, 8, 8)
            *_convolution(second, third),
            nn.MaxPool2d(2),  # (N, 128, 4, 4)
            nn.Flatten(),
            nn.Linear(16 * third, FEATURES),
            nn.ReLU(),
        )
        self.last = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits: (N, channels, 32, 32) in [-1, 1] -> (N, classes)."""
        return self.last(self.body(x))


def build(shape: ImageShape, classes: int, *, seed: int) -> ClassifierNetwork:
    """Return the network with initial weights that are a function of `seed`: those of He et al.
    2015 (arXiv 1502.01852), biases 0."""
    network = ClassifierNetwork(shape.channels, classes)
    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=source)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network.to(memory_format=torch.channels_last)


def _convolution(before: int, after: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )
