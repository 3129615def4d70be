"""The residual GAN: spectral norm, projection, conditional batch norm, attention."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized

from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape
from pipeline.models import layers, resnet
from pipeline.models.family import NetworkSize
from pipeline.models.resnet.networks import Attention, ConditionalBatchNorm


def build(
    side_px: int = 16, channels: int = 3, classes: int = 3, *, attention: bool = False
) -> dict[str, nn.Module]:
    parameters = resnet.Parameters(channels=4, attention=attention, conditional=classes > 0)
    networks = resnet.build(parameters, NetworkSize(5, ImageShape(side_px, channels), classes))
    for seed, network in enumerate(networks.values()):
        resnet.initialise(network, seed)
    return networks


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("side_px", "attention"), [(16, False), (32, False), (64, True)])
def test_shapes_and_range(side_px: int, channels: int, classes: int, attention: bool) -> None:
    networks = build(side_px, channels, classes, attention=attention)
    labels = torch.tensor([0, 1, 2]) if classes else None
    images = networks["generator"](normal(3, 5), labels)
    assert images.shape == (3, channels, side_px, side_px)
    assert images.min() > -1 and images.max() < 1
    assert networks["discriminator"](images, labels).shape == (3,)


@pytest.mark.parametrize(
    ("side_px", "attention", "words"),
    [
        (8, False, "8 px: resnet makes sides"),
        (24, False, "power of two"),
        (32, True, r"attention: true: it lies at 32 px, .* than 32 px; set it to false"),
    ],
)
def test_what_it_cannot_make_is_refused(side_px: int, attention: bool, words: str) -> None:
    parameters = resnet.Parameters(channels=4, attention=attention, conditional=True)
    with pytest.raises(InputError, match=words):
        resnet.require(parameters, ImageShape(side_px, 3))
    resnet.require(parameters, ImageShape(64, 1))


def test_widths_double_from_the_image_on_to_eight_times() -> None:
    parameters = resnet.Parameters(channels=32, attention=False, conditional=False)
    networks = resnet.build(parameters, NetworkSize(5, ImageShape(64, 3), 0))
    up = [block.first.out_channels for block in networks["generator"].blocks]
    down = [block.first.out_channels for block in networks["discriminator"].blocks]
    assert networks["generator"].blocks[0].first.in_channels == 256
    assert up == [256, 128, 64, 32] and down == [32, 64, 128, 256]


# --- spectral norm -----------------------------------------------------------------------------
def normed(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if is_parametrized(module)]


def largest(weight: Tensor) -> float:
    return torch.linalg.matrix_norm(weight.detach().flatten(1), 2).item()


def test_every_layer_of_the_discriminator_has_spectral_norm_one_at_the_start() -> None:
    discriminator = build(64, attention=True)["discriminator"]
    found = normed(discriminator)
    kinds = (nn.Conv2d, nn.Linear, nn.Embedding)
    assert found == [module for module in discriminator.modules() if isinstance(module, kinds)]
    for module in found:
        assert largest(module.weight) == pytest.approx(1, abs=1e-5)  # float32


def test_it_stays_one_while_the_weights_move() -> None:
    """One power iteration a use is enough where weights move slowly (the paper, section 2.1)."""
    layer = layers.spectral_norm(nn.Conv2d(4, 8, 3))
    original = layer.parametrizations.weight.original
    nn.init.orthogonal_(original)
    direction = normal(*original.shape)
    for _ in range(300):
        with torch.no_grad():
            original.add_(direction, alpha=0.01)
        weight = layer.weight
    assert largest(original) > 5  # it did move
    assert largest(weight) == pytest.approx(1, abs=0.01)


def test_it_is_torchs() -> None:
    """Weight and gradient, both iterated until nothing moves: float64 against float64."""
    ours = layers.spectral_norm(nn.Linear(6, 4))
    theirs = parametrizations.spectral_norm(nn.Linear(6, 4).double(), n_power_iterations=200)
    original = normal(4, 6).double()
    found = []
    for layer in (ours, theirs):
        layer.double()
        with torch.no_grad():
            layer.parametrizations.weight.original.copy_(original)
            for _ in range(200):
                _ = layer.weight
        (layer.weight * normal(4, 6, seed=2).double()).sum().backward()
        found += [layer.weight.detach(), layer.parametrizations.weight.original.grad]
    torch.testing.assert_close(found[0], found[2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1], found[3], rtol=1e-4, atol=1e-4)


def test_evaluation_does_not_move_its_estimate() -> None:
    layer = layers.spectral_norm(nn.Linear(6, 4))
    parametrization = layer.parametrizations.weight[0]
    before = parametrization.left.clone()
    layer.eval()(normal(2, 6))
    assert torch.equal(parametrization.left, before)
    layer.train()(normal(2, 6))
    assert not torch.equal(parametrization.left, before)


def test_a_second_use_leaves_the_gradient_of_the_first_alone() -> None:
    layer = layers.spectral_norm(nn.Linear(6, 4))
    weight = layer.parametrizations.weight.original
    first = layer(normal(2, 6)).sum()
    (alone,) = torch.autograd.grad(first, weight, retain_graph=True)
    layer(normal(2, 6, seed=2))
    (after,) = torch.autograd.grad(first, weight)
    assert torch.equal(alone, after)


def test_its_estimate_is_of_float32_under_autocast() -> None:
    layer = layers.spectral_norm(nn.Linear(6, 4))
    with torch.autocast("cpu", torch.bfloat16):
        weight = layer.weight
    assert weight.dtype == torch.float32
    fresh = layers.spectral_norm(nn.Linear(6, 4))
    fresh.load_state_dict(layer.state_dict())
    assert {buffer.dtype for buffer in layer.buffers()} == {torch.float32}


# --- classes -----------------------------------------------------------------------------------
def test_the_projection_by_its_formula() -> None:
    """Miyato and Koyama 2018, equation 3: yᵀ V φ(x) + ψ(φ(x)), φ the sum over all places."""
    discriminator = build()["discriminator"].eval()
    images, labels = normal(4, 3, 16, 16), torch.tensor([0, 1, 2, 1])
    found = discriminator(images, labels)
    x = images
    for block in discriminator.blocks:
        x = block(x)
    phi = x.relu().sum((2, 3))  # (N, D)
    one_hot = torch.eye(3)[labels]  # (N, 3)
    psi = phi @ discriminator.last.weight.T + discriminator.last.bias
    expected = (one_hot @ discriminator.projection.weight * phi).sum(1) + psi[:, 0]
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, discriminator(images, labels.roll(1)))


def test_every_class_starts_alike() -> None:
    generator = build()["generator"].eval()
    latents = normal(1, 5).expand(3, -1)
    made = generator(latents, torch.arange(3))
    torch.testing.assert_close(made, made[:1].expand(3, -1, -1, -1))  # to rounding, in one batch


def test_conditional_batch_norm_scales_and_shifts_each_class_by_itself() -> None:
    norm = ConditionalBatchNorm(2, 3)
    nn.init.zeros_(norm.of_class.weight)
    x, labels = normal(6, 2, 4, 4), torch.tensor([0, 1, 2, 2, 1, 0])
    plain = nn.BatchNorm2d(2, affine=False)(x)
    torch.testing.assert_close(norm(x, labels), plain)
    with torch.no_grad():
        norm.of_class.weight[1] = torch.tensor([0.5, -0.5, 2.0, 3.0])  # scales, then shifts
    found = norm(x, labels)
    of_one = labels == 1
    torch.testing.assert_close(found[~of_one], plain[~of_one])
    expected = plain[of_one] * torch.tensor([1.5, 0.5]).view(2, 1, 1) + torch.tensor(
        [2.0, 3.0]
    ).view(2, 1, 1)
    torch.testing.assert_close(found[of_one], expected)


# --- attention ---------------------------------------------------------------------------------
def test_attention_starts_as_the_identity() -> None:
    layer = Attention(8)
    x = normal(2, 8, 8, 8)
    assert torch.equal(layer(x), x)


def test_attention_by_its_formula() -> None:
    """Zhang et al. 2019, section 3, with keys and values of half the side, as their code has
    them."""
    layer = Attention(8)
    with torch.no_grad():
        layer.gain.fill_(0.7)
    x = normal(2, 8, 4, 4)
    found = layer(x)
    for number, image in enumerate(x):
        query = torch.einsum("oc,chw->ohw", layer.query.weight[:, :, 0, 0], image)
        key = torch.einsum("oc,chw->ohw", layer.key.weight[:, :, 0, 0], image)
        value = torch.einsum("oc,chw->ohw", layer.value.weight[:, :, 0, 0], image)
        key, value = (
            each.unflatten(1, (2, 2)).unflatten(3, (2, 2)).amax((2, 4)) for each in (key, value)
        )
        for y in range(4):
            for x_ in range(4):
                scores = torch.einsum("c,chw->hw", query[:, y, x_], key)
                weights = scores.flatten().softmax(0).view(2, 2)
                seen = torch.einsum("hw,chw->c", weights, value)
                out = layer.out.weight[:, :, 0, 0] @ seen
                torch.testing.assert_close(
                    found[number, :, y, x_], image[:, y, x_] + 0.7 * out, rtol=1e-4, atol=1e-5
                )


def test_attention_lies_at_32_px() -> None:
    networks = build(64, attention=True)
    for network, index in ((networks["generator"], 3), (networks["discriminator"], 1)):
        kinds = [isinstance(block, Attention) for block in network.blocks]
        assert kinds == [number == index for number in range(5)]


def test_initial_weights_are_a_function_of_the_seed() -> None:
    found: list[Any] = []
    for seed in (1, 1, 2):
        network = build()["discriminator"]
        network(normal(2, 3, 16, 16), torch.tensor([0, 1]))  # moves the estimates
        resnet.initialise(network, seed)
        found.append(network.state_dict())
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name
    assert not torch.equal(*(state["last.parametrizations.weight.original"] for state in found[1:]))
