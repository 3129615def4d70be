"""The average: its weights by the closed form, its batch-norm statistics measured anew, other
buffers copied."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.models.sampling import GeneratorInputs
from pipeline.training.engine.ema import MovingAverage, measure_statistics


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.norm(self.layer(latents)[:, :, None, None])


def set_weight(network: Small, value: float) -> None:
    with torch.no_grad():
        network.layer.weight.fill_(value)


def test_half_is_forgotten_in_a_half_life() -> None:
    network = Small()
    set_weight(network, 0.0)
    average = MovingAverage(network, halflife_images=100)
    set_weight(network, 1.0)
    for step in range(10):  # 10 batches of 10 images: one half-life
        average.update(10, 1_000_000 + 10 * step)
    assert torch.allclose(average.network.layer.weight, torch.tensor(0.5), atol=1e-6)


def test_early_weights_are_forgotten_sooner() -> None:
    """After 50 images the half-life is 5 of them, so ten images leave a quarter."""
    network = Small()
    set_weight(network, 0.0)
    average = MovingAverage(network, halflife_images=1e9)
    set_weight(network, 1.0)
    average.update(10, 50)
    assert torch.allclose(average.network.layer.weight, torch.tensor(0.75), atol=1e-6)


def test_off_means_the_generator_itself() -> None:
    network = Small()
    average = MovingAverage(network, halflife_images=0)
    set_weight(network, 3.0)
    average.update(8, 1000)
    assert torch.equal(average.network.layer.weight, network.layer.weight)


def test_the_average_is_not_trained() -> None:
    average = MovingAverage(Small(), halflife_images=100)
    assert not any(p.requires_grad for p in average.network.parameters())


# --- batch norm --------------------------------------------------------------------------------
class ConditionalNorm(nn.Module):
    """Batch norm with a scale and a shift for each class (de Vries et al. 2017)."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=False)
        self.scale = nn.Embedding(classes, features)
        self.shift = nn.Embedding(classes, features)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        scale, shift = (table(labels)[:, :, None, None] for table in (self.scale, self.shift))
        return self.norm(x) * scale + shift


class TwoNorms(nn.Module):
    """A linear layer, a batch norm of some kind, ReLU, a second batch norm: what the second one
    sees depends on what the first one did."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.layer = nn.Linear(3, 16)
        if kind == "1d":
            self.first, self.second = nn.BatchNorm1d(16), nn.BatchNorm1d(16)
        elif kind == "conditional":
            self.first, self.second = ConditionalNorm(4, classes=3), nn.BatchNorm2d(4)
        else:
            momentum = None if kind == "no momentum" else 0.1
            self.first, self.second = nn.BatchNorm2d(4, momentum=momentum), nn.BatchNorm2d(4)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.layer(latents)
        if self.kind != "1d":
            x = x.unflatten(1, (4, 2, 2))
        x = self.first(x, labels) if self.kind == "conditional" else self.first(x)
        return self.second(x.relu())

    def norms(self) -> list[nn.Module]:
        first = self.first.norm if self.kind == "conditional" else self.first
        return [first, self.second]

    def by_hand(self, latents: np.ndarray, labels: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """Return mean and unbiased variance at both norms, in float64, for one batch."""
        parameters = {name: p.detach().double().numpy() for name, p in self.named_parameters()}
        x = latents.astype(np.float64) @ parameters["layer.weight"].T + parameters["layer.bias"]
        if self.kind != "1d":
            x = x.reshape(-1, 4, 2, 2)
        axes = (0, *range(2, x.ndim))
        beside = (..., *[None] * (x.ndim - 2))
        first = x.mean(axes), x.var(axes, ddof=1)
        x = (x - first[0][beside]) / np.sqrt(x.var(axes) + 1e-5)[beside]
        if self.kind == "conditional":
            scale, shift = (parameters[f"first.{name}.weight"][labels] for name in SCALE_AND_SHIFT)
        else:
            scale, shift = parameters["first.weight"], parameters["first.bias"]
        x = np.maximum(x * scale[beside] + shift[beside], 0)
        return [first, (x.mean(axes), x.var(axes, ddof=1))]


SCALE_AND_SHIFT = ("scale", "shift")
KINDS = ("1d", "2d", "conditional", "no momentum")


def random_network(kind: str) -> TwoNorms:
    torch.manual_seed(1)
    network = TwoNorms(kind)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_()
    return network


def random_inputs(count: int, *, classes: bool) -> GeneratorInputs:
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((count, 3)).astype(np.float32)
    return GeneratorInputs(latents, rng.integers(0, 3, count) if classes else None)


@pytest.mark.parametrize("batch_size", [50, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_batch_norm_statistics_are_those_of_the_average(kind: str, batch_size: int) -> None:
    network = random_network(kind)
    average = MovingAverage(network, halflife_images=100)
    inputs = random_inputs(200, classes=kind == "conditional")
    labels = inputs.labels if inputs.labels is not None else np.zeros(200, np.int64)
    for _ in range(3):  # the live statistics go elsewhere
        network(torch.full((8, 3), 5.0) + torch.randn(8, 3), torch.zeros(8, dtype=torch.int64))
    average.update(8, 10_000)
    momenta = [norm.momentum for norm in average.network.norms()]
    collected = average.collect(inputs, batch_size)

    batches = [slice(start, start + batch_size) for start in range(0, 200, batch_size)]
    expected = [collected.by_hand(inputs.latents[rows], labels[rows]) for rows in batches]
    for place, norm in enumerate(collected.norms()):
        mean, variance = (
            np.mean(parts, 0) for parts in zip(*(e[place] for e in expected), strict=True)
        )
        # float32 sums of at most 800 numbers below 20.
        assert np.allclose(norm.running_mean.numpy(), mean, rtol=1e-4, atol=1e-4)
        assert np.allclose(norm.running_var.numpy(), variance, rtol=1e-4, atol=1e-4)
    # The known-bad twin, the generator's own: elsewhere.
    live, own = network.norms()[0], collected.norms()[0]
    assert not torch.allclose(live.running_mean, own.running_mean, atol=0.1)
    assert not collected.training and not any(norm.training for norm in collected.norms())
    assert [norm.momentum for norm in collected.norms()] == momenta
    again = copy.deepcopy(collected.state_dict())
    for name, value in average.collect(inputs, batch_size).state_dict().items():
        assert torch.equal(value, again[name]), name


def test_a_class_given_the_wrong_way_round_is_noticed() -> None:
    """The known-bad twin of `conditional`: labels in another order give other statistics."""
    network = random_network("conditional")
    inputs = random_inputs(200, classes=True)
    right = copy.deepcopy(measure_statistics(network, inputs, 50).norms()[1].running_mean)
    turned = GeneratorInputs(inputs.latents, inputs.labels[::-1].copy())
    wrong = measure_statistics(network, turned, 50).norms()[1].running_mean
    assert not torch.allclose(right, wrong, rtol=0.01)


def test_a_norm_without_statistics_stays_without() -> None:
    network = random_network("1d")
    network.first = nn.BatchNorm1d(16, track_running_stats=False)
    average = MovingAverage(network, halflife_images=100)
    collected = average.collect(random_inputs(20, classes=False), 10)
    assert collected.first.running_mean is None
    assert collected.second.running_mean.abs().max() > 0


# --- other buffers -----------------------------------------------------------------------------
class WithBuffers(nn.Module):
    """A weight under spectral normalisation, which keeps its singular vectors as buffers, and a
    count of the batches seen."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = spectral_norm(nn.Linear(3, 4))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.training:
            self.batches += 1
        return self.layer(latents)


def test_other_buffers_are_copied() -> None:
    torch.manual_seed(0)
    network = WithBuffers()
    average = MovingAverage(network, halflife_images=1e9)
    before = copy.deepcopy(dict(average.network.named_buffers()))
    with torch.no_grad():
        network.layer.parametrizations.weight.original.normal_()
    network(torch.randn(8, 3))
    average.update(8, 1_000_000)
    names = {name.rpartition(".")[2] for name in before}
    assert names == {"_u", "_v", "batches"}
    for name, buffer in network.named_buffers():
        copied = average.network.get_buffer(name)
        assert torch.equal(copied, buffer) and not torch.equal(copied, before[name]), name
    # Measuring statistics is no training: it leaves them alone.
    average.collect(random_inputs(16, classes=False), 8)
    for name, buffer in network.named_buffers():
        assert torch.equal(average.network.get_buffer(name), buffer), name
