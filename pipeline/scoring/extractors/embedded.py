"""The embedded feature network: small, offline, shipped with the package; a proxy for Inception."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.common.errors import PipelineError
from pipeline.common.files import sha256
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring.extractors import batched

WEIGHTS = Path(__file__).with_name("embedded.safetensors")
WEIGHTS_SHA256 = "c46eb2ea99507b500587dd74f7b84fd1c8653c16f70b824752e4fa1940157183"
SIDE_PX = 64
DIMENSIONS = 768
CHANNELS = (48, 96, 160, 320)  # of the four levels


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    """Return a convolution with bias; padding keeps the size at stride 1."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


class Residual(nn.Module):
    """x + a 3x3 convolution to half the channels and a 1x1 back, then ReLU (He et al. 2016)."""

    def __init__(self, channels: int, layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.narrow = layer(channels, channels // 2, 3)
        self.widen = layer(channels // 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.widen(F.relu(self.narrow(x))))


class Network(nn.Module):
    """64x64 images to 768 features: four levels' channel means, and one linear map of them all.

    The means keep what a deep layer alone loses: colour and grain from the first levels, shapes
    from the last.

    `layer(inputs, outputs, kernel, stride=1)` makes a convolution; training passes one with batch
    norm behind it.
    """

    def __init__(self, layer: Callable[..., nn.Module] = convolution) -> None:
        super().__init__()
        first, second, third, fourth = CHANNELS
        self.stem = layer(12, first, 3)
        self.down1 = layer(first, second, 3, 2)
        self.stage1 = Residual(second, layer)
        self.down2 = layer(second, third, 3, 2)
        self.stage2 = nn.Sequential(Residual(third, layer), Residual(third, layer))
        self.down3 = layer(third, fourth, 3, 2)
        self.stage3 = Residual(fourth, layer)
        self.readout = nn.Linear(sum(CHANNELS), DIMENSIONS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features: (N, 3, 64, 64) float32 in [-1, 1] -> (N, 768) float32."""
        return self.readout(self.means(x))

    def means(self, x: Tensor) -> Tensor:
        """Return each channel's mean over its places: (N, 3, 64, 64) -> (N, 624)."""
        return torch.cat([level.mean((2, 3)) for level in self.levels(x)], 1)

    def levels(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the four levels' activations: (N, 3, 64, 64) -> (N, 48, 32, 32), (N, 96, 16, 16),
        (N, 160, 8, 8), (N, 320, 4, 4)."""
        x = F.pixel_unshuffle(x, 2)  # (N, 12, 32, 32): half the side, nothing lost
        first = F.relu(self.stem(x))
        second = self.stage1(F.relu(self.down1(first)))
        third = self.stage2(F.relu(self.down2(second)))
        fourth = self.stage3(F.relu(self.down3(third)))
        return first, second, third, fourth


class Embedded:
    """The network with its weights, as `scoring` uses it. Make one with `load`."""

    name = "embedded"
    dimensions = DIMENSIONS
    input_shape = ImageShape(SIDE_PX, 3)
    precision = "float32"

    def __init__(
        self, network: Network, *, memorization_threshold: float, identity: str, device: str
    ) -> None:
        self.memorization_threshold = memorization_threshold
        self.identity = identity
        self._device = torch.device(device)
        self._network = (
            network.eval().requires_grad_(False).to(self._device, memory_format=torch.channels_last)
        )

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, in their order.

        An image gives the same feature whatever else is in the call, and wherever it stands.

        Args:
            images: (N, side, side, 1 or 3) uint8, of any side; resized to 64 px.

        Returns:
            (N, 768) float32.

        Raises:
            InputError: another type or shape of array.
        """
        arrays.shape_of(images, "images for the embedded network")
        return batched.forward(
            self._network,
            images,
            shape=self.input_shape,
            width=DIMENSIONS,
            device=self._device,
        )


def is_as_shipped() -> bool:
    """Return whether the weights beside this module are those that belong to it."""
    return WEIGHTS.is_file() and sha256(WEIGHTS) == WEIGHTS_SHA256


def load(device: str = "cpu", *, weights: Path = WEIGHTS) -> Embedded:
    """Return the shipped network on `device` ("cpu", "cuda", "mps").

    Raises:
        PipelineError: the weights file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not weights.is_file():
        raise PipelineError(
            f"{weights}: not found. The weights come with a checkout (restore it with git) and are "
            "left out of a Kaggle kernel, which trains and packages but does not score"
        )
    identity = sha256(weights)
    if weights == WEIGHTS and identity != WEIGHTS_SHA256:
        raise PipelineError(
            f"{weights}: damaged, its SHA-256 is {identity[:12]}… instead of "
            f"{WEIGHTS_SHA256[:12]}…; restore the file with git"
        )
    network = Network()
    try:
        with safe_open(weights, "pt") as file:
            threshold = float(file.metadata()["memorization_threshold"])
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PipelineError(
            f"{weights}: not the weights of this network ({reason}); restore the file with git"
        ) from None
    return Embedded(network, memorization_threshold=threshold, identity=identity, device=device)
