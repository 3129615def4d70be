"""The networks of Radford et al. 2016: shapes, widths, layers, initial weights."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape
from pipeline.models import dcgan
from pipeline.models.family import NetworkSize
from pipeline.models.layers import MinibatchStddev

PARAMETERS = dcgan.Parameters(channels=4, minibatch_stddev=False, conditional=False)


def build(
    side_px: int,
    *,
    channels: int = 4,
    latent_dim: int = 8,
    image_channels: int = 3,
    minibatch_stddev: bool = False,
) -> tuple[nn.Module, nn.Module]:
    """Return generator and discriminator."""
    parameters = dcgan.Parameters(
        channels=channels, minibatch_stddev=minibatch_stddev, conditional=False
    )
    size = NetworkSize(latent_dim, ImageShape(side_px, image_channels), 0)
    networks = dcgan.build(parameters, size)
    assert set(networks) == {"generator", "discriminator"}
    return networks["generator"], networks["discriminator"]


@pytest.mark.parametrize("image_channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 32, 64, 128])
def test_shapes_and_range(side_px: int, image_channels: int) -> None:
    generator, discriminator = build(side_px, latent_dim=10, image_channels=image_channels)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, image_channels, side_px, side_px)
    assert images.min() > -1 and images.max() < 1
    assert discriminator(images).shape == (3,)


@pytest.mark.parametrize("side_px", [8, 24, 48, 65])
def test_other_sides_are_refused(side_px: int) -> None:
    with pytest.raises(InputError, match=f"{side_px} px: DCGAN makes sides that are a power of"):
        dcgan.require(PARAMETERS, ImageShape(side_px, 3))
    dcgan.require(PARAMETERS, ImageShape(16, 1))


def test_the_papers_widths() -> None:
    """Figure 1 of the paper, with its 128 channels next to the image: 1024, 512, 256, 128, 3."""
    generator, _ = build(64, latent_dim=100, channels=128)
    layers = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in layers] == [100, 1024, 512, 256, 128]
    assert layers[-1].out_channels == 3


def test_the_tutorials_number_of_weights() -> None:
    """pytorch.org's DCGAN tutorial: nz 100, ngf = ndf = 64, 64 px; its G has 3,576,704 weights
    (no bias anywhere) and its D 2,765,568. Ours have biases where no batch norm follows."""
    generator, discriminator = build(64, latent_dim=100, channels=64)
    assert sum(p.numel() for p in generator.parameters()) == 3_576_704 + 3
    assert sum(p.numel() for p in discriminator.parameters()) == 2_765_568 + 64 + 1


def test_layers_are_the_papers() -> None:
    generator, discriminator = build(64)
    for network in (generator, discriminator):
        assert not any("Pool" in type(m).__name__ for m in network.modules())
    slopes = [m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2] * 4
    assert isinstance(generator.layers[-1], nn.Tanh)
    assert isinstance(discriminator.layers[1], nn.LeakyReLU)  # no batch norm next to the images


def test_initial_weights() -> None:
    network, _ = build(64, latent_dim=64, channels=32)
    dcgan.initialise(network, 5)
    conv = torch.cat([m.weight.flatten() for m in network.modules() if "Conv" in type(m).__name__])
    norm = torch.cat([m.weight for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
    # Over 800,000 and 480 draws: five standard errors.
    assert conv.mean().abs() < 5 * 0.02 / len(conv) ** 0.5
    assert abs(conv.std() - 0.02) < 5 * 0.02 / (2 * len(conv)) ** 0.5
    assert abs(norm.mean() - 1) < 5 * 0.02 / len(norm) ** 0.5
    biases = [m.bias for m in network.modules() if getattr(m, "bias", None) is not None]
    assert biases and all((bias == 0).all() for bias in biases)


def test_initial_weights_are_a_function_of_the_seed() -> None:
    networks = [build(16)[1] for _ in range(3)]
    for network, seed in zip(networks, (1, 1, 2), strict=True):
        dcgan.initialise(network, seed)
    first, same, other = (network.layers[0].weight for network in networks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_minibatch_stddev_by_its_definition() -> None:
    """The definition in loops, in float64; eight images are two groups of four."""
    x = torch.randn(8, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    found = MinibatchStddev()(x)
    assert torch.equal(found[:, :3], x)
    for group in (range(4), range(4, 8)):
        spreads = [
            np.std([x[i, c, row, column].item() for i in group])
            for c in range(3)
            for row in range(2)
            for column in range(2)
        ]
        for i in group:
            assert found[i, 3].flatten().tolist() == pytest.approx([np.mean(spreads)] * 4, rel=1e-5)
    # The known-bad version, one group of all: other values.
    assert found[0, 3, 0, 0] != found[4, 3, 0, 0]


def test_minibatch_stddev_of_images_all_alike_is_nothing_and_has_a_gradient() -> None:
    x = torch.ones(6, 2, 3, 3, requires_grad=True)  # no multiple of four: one group
    found = MinibatchStddev()(x)
    assert found.shape == (6, 3, 3, 3)
    assert (found[:, 2] < 1.1e-4).all()  # the root of what keeps the gradient finite
    found.sum().backward()
    assert x.grad.isfinite().all()


def test_minibatch_stddev_of_shares_of_a_batch_is_that_of_the_whole() -> None:
    x = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    shares = [MinibatchStddev()(share) for share in x.chunk(2)]
    assert torch.equal(torch.cat(shares), MinibatchStddev()(x))


@pytest.mark.parametrize("side_px", [16, 64])
def test_a_discriminator_that_sees_the_spread(side_px: int) -> None:
    """One more map before the last layer: 4 by 4 weights more, and nothing else."""
    _, plain = build(side_px)
    _, seeing = build(side_px, minibatch_stddev=True)
    count = [sum(p.numel() for p in network.parameters()) for network in (plain, seeing)]
    assert count[1] - count[0] == 16
    images = torch.randn(4, 3, side_px, side_px, generator=torch.Generator().manual_seed(3))
    assert seeing(images).shape == (4,)
    # The same image four times gets another logit than among others: D sees the group.
    seeing.eval()
    alone = seeing(images[:1].expand(4, -1, -1, -1))
    assert torch.equal(alone, alone[0].expand(4))
    assert alone[0] != seeing(images)[0]
    plain.eval()
    # Without it D takes each by itself; convolutions of other memory layouts round differently.
    alone = plain(images[:1].expand(4, -1, -1, -1).contiguous())
    assert torch.allclose(alone[0], plain(images)[0], atol=1e-6)
