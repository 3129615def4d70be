"""Encoders and decoders: shapes, the tutorial's layers, what is refused."""

from typing import Any

import pytest
import torch
from torch import nn

from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape
from pipeline.models import vae
from pipeline.models.family import NetworkSize


def parameters(**changes: Any) -> vae.Parameters:
    return vae.Parameters(**({"layers": "conv", "widths": (4, 6), "conditional": False} | changes))


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 32, 64])
@pytest.mark.parametrize("layers", ["dense", "conv"])
def test_shapes_and_range(layers: str, side_px: int, channels: int, classes: int) -> None:
    shape = ImageShape(side_px, channels)
    networks = vae.build(parameters(layers=layers), NetworkSize(5, shape, classes))
    labels = torch.tensor([0, 1, 2]) if classes else None
    images = networks["generator"](torch.randn(3, 5), labels)
    assert images.shape == (3, channels, side_px, side_px)
    assert images.min() > -1 and images.max() < 1
    mean, log_variance = networks["encoder"](images, labels)
    assert mean.shape == log_variance.shape == (3, 5)


def test_the_tutorials_layers() -> None:
    """tensorflow.org/tutorials/generative/cvae at its 28 px: its two networks have 19,412 + 6,276
    and 3,136 + 1,568 + 18,496 + 18,464 + 289 weights with a latent of 2."""
    size = NetworkSize(2, ImageShape(28, 1), 0)
    networks = vae.build(parameters(widths=(32, 64)), size)
    counts = {name: sum(w.numel() for w in net.parameters()) for name, net in networks.items()}
    encoder = (9 * 32 + 32) + (9 * 32 * 64 + 64) + (64 * 7 * 7 * 4 + 4)
    decoder = (2 + 1) * 7 * 7 * 32 + (9 * 32 * 64 + 64) + (9 * 64 * 32 + 32) + (9 * 32 + 1)
    assert counts == {"encoder": encoder, "generator": decoder + encoder}  # it holds the other
    assert networks["generator"].encoder is networks["encoder"]
    convolutions = [m for m in networks["generator"].modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.stride for m in convolutions] == [(2, 2), (2, 2), (1, 1)]
    activations = {type(m) for m in networks["encoder"].modules()} & {nn.ReLU, nn.LeakyReLU}
    assert activations == {nn.ReLU}


def test_dense_layers_mirror_each_other() -> None:
    networks = vae.build(parameters(layers="dense"), NetworkSize(5, ImageShape(16, 3), 0))
    sizes = {
        name: [(m.in_features, m.out_features) for m in net.modules() if isinstance(m, nn.Linear)]
        for name, net in networks.items()
    }
    assert sizes["encoder"] == [(768, 4), (4, 6), (6, 10)]
    assert sizes["generator"] == [(5, 6), (6, 4), (4, 768), *sizes["encoder"]]


@pytest.mark.parametrize(("side_px", "count"), [(16, 5), (24, 4), (32, 6), (30, 2)])
def test_more_halvings_than_the_side_has_are_refused(side_px: int, count: int) -> None:
    widths = (4,) * count
    with pytest.raises(InputError, match=rf"{side_px} px: the {count} convolutions .* {2**count};"):
        vae.require(parameters(widths=widths), ImageShape(side_px, 3))
    vae.require(parameters(widths=widths), ImageShape(2**count * 3, 3))
    vae.require(parameters(layers="dense", widths=widths), ImageShape(side_px, 3))
