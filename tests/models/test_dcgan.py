"""The networks of Radford et al. 2016: shapes, widths, layers, initial weights."""

import pytest
import torch
from torch import nn

from pipeline.models import build_discriminator, build_generator, initialise

WIDTHS = {"name": "dcgan", "channels": 4}


@pytest.mark.parametrize("side_px", [16, 32, 64, 128])
def test_shapes_and_range(side_px: int) -> None:
    generator = build_generator(**WIDTHS, side_px=side_px, latent_dim=10)
    discriminator = build_discriminator(**WIDTHS, side_px=side_px)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, 3, side_px, side_px)
    assert images.min() > -1 and images.max() < 1
    assert discriminator(images).shape == (3,)


def test_the_papers_widths() -> None:
    """Figure 1 of the paper, with its 128 channels next to the image: 1024, 512, 256, 128, 3."""
    generator = build_generator(name="dcgan", side_px=64, latent_dim=100, channels=128)
    layers = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in layers] == [100, 1024, 512, 256, 128]
    assert layers[-1].out_channels == 3


def test_the_tutorials_number_of_weights() -> None:
    """pytorch.org's DCGAN tutorial: nz 100, ngf = ndf = 64, 64 px; its G has 3,576,704 weights
    (no bias anywhere) and its D 2,765,568. Ours have biases where no batch norm follows."""
    generator = build_generator(name="dcgan", side_px=64, latent_dim=100, channels=64)
    discriminator = build_discriminator(name="dcgan", side_px=64, channels=64)
    assert sum(p.numel() for p in generator.parameters()) == 3_576_704 + 3
    assert sum(p.numel() for p in discriminator.parameters()) == 2_765_568 + 64 + 1


def test_layers_are_the_papers() -> None:
    generator = build_generator(**WIDTHS, side_px=64, latent_dim=8)
    discriminator = build_discriminator(**WIDTHS, side_px=64)
    for network in (generator, discriminator):
        assert not any("Pool" in type(m).__name__ for m in network.modules())
    slopes = [m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2] * 4
    assert isinstance(generator.layers[-1], nn.Tanh)
    assert isinstance(discriminator.layers[1], nn.LeakyReLU)  # no batch norm next to the images


def test_initial_weights() -> None:
    network = build_generator(name="dcgan", side_px=64, latent_dim=64, channels=32)
    initialise(network, 5)
    conv = torch.cat([m.weight.flatten() for m in network.modules() if "Conv" in type(m).__name__])
    norm = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
    # Over 800,000 and 480 draws: five standard errors.
    assert conv.mean().abs() < 5 * 0.02 / len(conv) ** 0.5
    assert abs(conv.std() - 0.02) < 5 * 0.02 / (2 * len(conv)) ** 0.5
    assert abs(norm.mean() - 1) < 5 * 0.02 / len(norm) ** 0.5
    biases = [m.bias for m in network.modules() if getattr(m, "bias", None) is not None]
    assert biases and all((bias == 0).all() for bias in biases)


def test_initial_weights_are_a_function_of_the_seed() -> None:
    networks = [build_discriminator(**WIDTHS, side_px=16) for _ in range(3)]
    for network, seed in zip(networks, (1, 1, 2), strict=True):
        initialise(network, seed)
    first, same, other = (network.layers[0].weight for network in networks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
