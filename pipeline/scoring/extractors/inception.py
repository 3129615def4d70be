"""Inception of 2015-12-05, the network of FID and of Kaggle's public score, made fast.

The blocks and their weights are those of torch-fidelity's `inception-v3-compat`, whose features
equal the original TensorFlow graph's. It is made faster: batch norm folded into the convolutions,
channels-last images, a resize that works on each row once, no gradients.
"""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.common import files, progress
from pipeline.common.devices import full_float32
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring.extractors import weights_file

# Kaggle's for this network (Bai et al. 2021).
MEMORIZATION_THRESHOLD = 0.1
_NETWORK_SIDE_PX = 299
# An image's activations take about 15 MB in float32, half that in bfloat16.
_BATCH = {"cpu": 16, "mps": 32, "cuda": 256}
# FID's features are the mean over the places of one of these layers; the score's is the last.
_LAYERS = {64: "MaxPool_1", 192: "MaxPool_2", 768: "Mixed_6e", 2048: "Mixed_7c"}
Dimensions = Literal[64, 192, 768, 2048]


def network(dimensions: Dimensions = 2048) -> nn.Sequential:
    """Return torch-fidelity's layers up to the one that gives so many dimensions, under its names.

    Its own class can only be built from a file that it loads without `weights_only`, and ends in
    a classifier that no feature needs.
    """
    from torch_fidelity import feature_extractor_inceptionv3 as blocks

    conv = blocks.BasicConv2d
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        Conv2d_1a_3x3=conv(3, 32, kernel_size=3, stride=2),
        Conv2d_2a_3x3=conv(32, 32, kernel_size=3),
        Conv2d_2b_3x3=conv(32, 64, kernel_size=3, padding=1),
        MaxPool_1=nn.MaxPool2d(3, stride=2),  # (N, 64, 73, 73)
        Conv2d_3b_1x1=conv(64, 80, kernel_size=1),
        Conv2d_4a_3x3=conv(80, 192, kernel_size=3),
        MaxPool_2=nn.MaxPool2d(3, stride=2),  # (N, 192, 35, 35)
        Mixed_5b=blocks.InceptionA(192, pool_features=32),
        Mixed_5c=blocks.InceptionA(256, pool_features=64),
        Mixed_5d=blocks.InceptionA(288, pool_features=64),
        Mixed_6a=blocks.InceptionB(288),
        Mixed_6b=blocks.InceptionC(768, channels_7x7=128),
        Mixed_6c=blocks.InceptionC(768, channels_7x7=160),
        Mixed_6d=blocks.InceptionC(768, channels_7x7=160),
        Mixed_6e=blocks.InceptionC(768, channels_7x7=192),  # (N, 768, 17, 17)
        Mixed_7a=blocks.InceptionD(768),
        Mixed_7b=blocks.InceptionE_1(1280),
        Mixed_7c=blocks.InceptionE_2(2048),  # (N, 2048, 8, 8)
    )
    names = list(layers)
    kept = names[: names.index(_LAYERS[dimensions]) + 1]
    return nn.Sequential(OrderedDict((name, layers[name]) for name in kept))


def fold_batch_norm(layers: nn.Module) -> None:
    """Put each batch norm's scale and shift into the convolution before it, in place."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval
    from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d

    for module in layers.modules():
        if isinstance(module, BasicConv2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()


def resize_like_tensorflow1(images: Tensor, side_px: int) -> Tensor:
    """Resize as TensorFlow 1's `resize_bilinear` does: pixel i comes from i·(input side / output
    side), without half-pixel centres. The same bits as torch-fidelity's, one axis after the other.

    Args:
        images: (N, height, width, 3) float32.

    Returns:
        (N, side_px, side_px, 3) float32.
    """
    for axis in (2, 1):  # along each row first, as TensorFlow does
        low, high, share = _places(images.shape[axis], side_px, images.device)
        start = images.index_select(axis, low)
        step = images.index_select(axis, high).sub_(start)
        images = start.add_(step.mul_(share.view((-1,) + (1,) * (3 - axis))))
    return images


def _places(size: int, side_px: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return, for each output pixel, the input pixels on either side of its place, and its distance
    from the first of them."""
    place = torch.arange(side_px, dtype=torch.float32, device=device) * torch.tensor(
        size / side_px, dtype=torch.float32, device=device
    )
    low = place.long()
    return low, (low + 1).clamp_max(size - 1), place - low.float()


class Inception:
    """The network with its weights, as `scoring` uses it. Make one with `load`."""

    name = "inception"
    memorization_threshold = MEMORIZATION_THRESHOLD

    def __init__(
        self,
        state: Mapping[str, Tensor],
        *,
        identity: str,
        precision: Literal["float32", "bfloat16"] = "float32",
        side_px: int,
        device: str = "cpu",
        dimensions: Dimensions = 2048,
    ) -> None:
        """
        Args:
            side_px: side of the competition's images; photos are squashed to that, and from there
                the network resizes by itself.
            state: weights under torch-fidelity's names; those of later layers are left out.
            identity: SHA-256 of their file.
            precision: of the convolutions. bfloat16 is faster where the hardware has it, with
                features off by 1 to 2.5 % (relative, norm).
        """
        self.dimensions = int(dimensions)
        self.input_shape = ImageShape(side_px, 3)
        self.identity = identity
        self.precision = precision
        self._device = torch.device(device)
        layers = network(dimensions).eval().requires_grad_(False)
        layers.load_state_dict({name: state[name] for name in layers.state_dict()})
        fold_batch_norm(layers)
        self._dtype = getattr(torch, precision)
        self._layers = layers.to(self._device, self._dtype, memory_format=torch.channels_last)

    @full_float32()
    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, in their order.

        Args:
            images: (N, side, side, 1 or 3) uint8, of any side; resized to the competition's.

        Returns:
            (N, D) float32, not negative.

        Raises:
            InputError: another type or shape of array.
        """
        arrays.shape_of(images, "images for Inception")
        features = np.empty((len(images), self.dimensions), np.float32)
        size = _BATCH[self._device.type]
        with (
            torch.inference_mode(),
            progress.bar(label="inception", total=len(images)) as bar,
        ):
            for start in range(0, len(images), size):
                part = arrays.conform(images[start : start + size], self.input_shape)
                # A copy: torch takes neither read-only arrays nor mirrored views.
                batch = torch.from_numpy(np.array(part, order="C"))
                found = self._forward(batch.to(self._device))
                features[start : start + size] = found.cpu().numpy()
                bar.update(len(batch))
        return features

    def _forward(self, batch: Tensor) -> Tensor:
        """Return the features of one batch: (n, side, side, 3) uint8 -> (n, D) float32."""
        x = resize_like_tensorflow1(batch.float(), _NETWORK_SIDE_PX)
        x = x.sub_(128).div_(128)  # (n, 299, 299, 3) in [-1, 1)
        x = self._layers(x.permute(0, 3, 1, 2).to(self._dtype))  # channels-last as it lies
        return x.float().mean((2, 3))


def load(
    weights: str,
    *,
    precision: Literal["float32", "bfloat16"],
    side_px: int,
    device: str,
    cache: Path,
) -> Inception:
    """Return the official network.

    Args:
        side_px: as in `Inception`.
        weights: auto, a URL, or the path of the file.

    Raises:
        PipelineError: the weights cannot be fetched, or are not the official ones.
    """
    path = weights_file.fetch(weights, cache=cache)
    return Inception(
        weights_file.read(path),
        identity=files.sha256(path),
        precision=precision,
        side_px=side_px,
        device=device,
    )
