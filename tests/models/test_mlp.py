"""The fully connected GAN: layers, their order, initial weights, classes."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from pipeline.images.shape import ImageShape
from pipeline.models import mlp
from pipeline.models.family import NetworkSize
from pipeline.models.layers import Dropout, initialise_glorot

REPORT: dict[str, Any] = {
    "generator_widths": (128, 256, 512, 1024),
    "discriminator_widths": (512, 256),
    "generator_activation": "relu",
    "discriminator_activation": "leaky_relu",
    "dropout": 0.3,
    "conditional": False,
}
SMALL = REPORT | {"generator_widths": (6, 5), "discriminator_widths": (7,)}


def build(side_px: int, channels: int, classes: int = 0, **changes: Any) -> dict[str, nn.Module]:
    parameters = mlp.Parameters(**(SMALL | changes))
    return mlp.build(parameters, NetworkSize(4, ImageShape(side_px, channels), classes))


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 28, 32, 64])
def test_shapes_and_range(side_px: int, channels: int, classes: int) -> None:
    mlp.require(mlp.Parameters(**SMALL), ImageShape(side_px, channels))
    networks = build(side_px, channels, classes)
    labels = torch.tensor([0, 1, 2]) if classes else None
    images = networks["generator"](torch.randn(3, 4), labels)
    assert images.shape == (3, channels, side_px, side_px)
    assert images.min() > -1 and images.max() < 1
    assert networks["discriminator"](images, labels).shape == (3,)


def test_the_reports_layers() -> None:
    """Latent 100, MNIST's 28 px: its number of weights, and its order of layers."""
    networks = mlp.build(mlp.Parameters(**REPORT), NetworkSize(100, ImageShape(28, 1), 0))
    kinds = [type(layer).__name__ for layer in networks["generator"].layers]
    assert kinds == ["Linear", "ReLU", "BatchNorm1d"] * 4 + ["Linear", "Tanh", "Unflatten"]
    kinds = [type(layer).__name__ for layer in networks["discriminator"].layers]
    assert kinds == ["Linear", "LeakyReLU"] * 2 + ["Dropout", "Linear"]
    widths = [100, 128, 256, 512, 1024, 784]
    dense = sum(before * after + after for before, after in pairwise(widths))
    norms = sum(2 * width for width in widths[1:-1])
    weights = {name: sum(w.numel() for w in net.parameters()) for name, net in networks.items()}
    assert weights == {
        "generator": dense + norms,
        "discriminator": 784 * 512 + 512 + 512 * 256 + 256 + 256 + 1,
    }
    # Keras' momentum 0.8 keeps 0.8 of the running statistics.
    momenta = {m.momentum for m in networks["generator"].layers if isinstance(m, nn.BatchNorm1d)}
    assert momenta == {0.2}


@pytest.mark.parametrize("side", ["generator", "discriminator"])
@pytest.mark.parametrize(("name", "kind"), [("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU)])
def test_the_activation_of_each_side(side: str, name: str, kind: type) -> None:
    networks = build(16, 1, **{f"{side}_activation": name})
    found = {type(m) for m in networks[side].layers if isinstance(m, nn.ReLU | nn.LeakyReLU)}
    assert found == {kind}
    slopes = {m.negative_slope for m in networks[side].layers if isinstance(m, nn.LeakyReLU)}
    assert slopes <= {0.2}


def test_glorots_range() -> None:
    """Glorot and Bengio 2010, equation 16: uniform within ±√(6 / (inputs + outputs))."""
    network = mlp.build(mlp.Parameters(**REPORT), NetworkSize(100, ImageShape(28, 1), 0))[
        "generator"
    ]
    mlp.initialise(network, 1)
    for layer in network.layers:
        if isinstance(layer, nn.Linear):
            limit = math.sqrt(6 / (layer.in_features + layer.out_features))
            values = layer.weight.detach()
            # Of over 10,000 values: the largest within 1 % of the limit, the variance limit² / 3.
            assert 0.99 * limit < values.abs().max() <= limit
            assert values.var().item() == pytest.approx(limit**2 / 3, rel=0.05)
            assert not layer.bias.any()


def test_glorots_range_of_convolutions() -> None:
    """Keras counts a kernel's places as inputs, and as outputs: 9 · 8 and 9 · 32 here."""
    network = nn.Sequential(nn.Conv2d(8, 32, 3), nn.ConvTranspose2d(8, 32, 3))
    initialise_glorot(network, 1)
    limit = math.sqrt(6 / (9 * 8 + 9 * 32))
    for layer in network:
        assert 0.98 * limit < layer.weight.abs().max() <= limit
        assert not layer.bias.any()


def test_initial_weights_are_a_function_of_the_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        network = build(16, 1)["generator"]
        mlp.initialise(network, seed)
        found.append(network.layers[0].weight)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_a_class_is_one_more_input_of_ones_and_zeros() -> None:
    networks = build(16, 1, classes=3)
    first = networks["generator"].layers[0]
    assert first.in_features == 4 + 3
    latents, labels = torch.randn(2, 4), torch.tensor([2, 0])
    with torch.no_grad():
        first.weight[:, :4] = 0  # the class alone is left
        hidden = first(torch.cat([latents, torch.eye(3)[labels]], 1))
    expected = first.weight[:, 4:].T[labels] + first.bias
    torch.testing.assert_close(hidden, expected)
    made = networks["generator"](latents, labels)
    torch.testing.assert_close(
        made, networks["generator"].layers(torch.cat([latents, torch.eye(3)[labels]], 1))
    )


# --- dropout -----------------------------------------------------------------------------------
def test_dropout_by_its_definition() -> None:
    layer = Dropout(0.25, 5)
    x = torch.randn(3, 5)
    assert torch.equal(layer(x), x)  # no draws yet
    layer.draws = torch.rand(3, 5, generator=torch.Generator().manual_seed(1))
    expected = torch.where(layer.draws < 0.25, 0, x / 0.75)
    torch.testing.assert_close(layer(x), expected)
    assert torch.equal(layer.eval()(x), x)


def test_dropout_is_torchs_on_average() -> None:
    share, x = 0.3, torch.ones(200, 100)
    layer = Dropout(share, 100)
    layer.draws = torch.rand(200, 100, generator=torch.Generator().manual_seed(1))
    ours, theirs = layer(x), nn.functional.dropout(x, share)
    for found in (ours, theirs):
        # 20,000 draws: the share of zeros within four standard errors, 0.013.
        assert (found == 0).float().mean().item() == pytest.approx(share, abs=0.013)
        assert found.max().item() == pytest.approx(1 / (1 - share))
