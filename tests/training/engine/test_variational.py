"""The evidence lower bound: its parts against torch.distributions, the whole against the likelihood
of the image, by quadrature over the latents."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, distributions

from pipeline.common import randomness
from pipeline.images.shape import ImageShape
from pipeline.models import vae
from pipeline.models.family import NetworkSize
from pipeline.training.engine import variational
from pipeline.training.engine.batches import Batch
from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.variational import VariationalObjective
from tests.factories import tiny

CPU = torch.device("cpu")
LATENTS = 2
SHAPE = ImageShape(4, 1)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def images(count: int, *, seed: int = 2) -> Tensor:
    return normal(count, 1, 4, 4, seed=seed).sigmoid() * 2 - 1


def objective(*, layers: str = "dense", classes: int = 0, **changes: Any) -> VariationalObjective:
    """Return the objective of a small model, whose posterior differs from the prior."""
    parameters = vae.Parameters(layers=layers, widths=(8,), conditional=classes > 0)
    networks = vae.build(parameters, NetworkSize(LATENTS, SHAPE, classes))
    for seed, name in enumerate(networks):
        vae.initialise(networks[name], seed)
    train = tiny(**changes).train
    return VariationalObjective(
        networks, train=train, device=CPU, distributed=Distributed(), conditional=classes > 0
    )


def batch(pictures: Tensor, latents: Tensor | None = None) -> Batch:
    count = len(pictures)
    if latents is None:
        latents = torch.from_numpy(randomness.normals(1, "latents", 0, count, LATENTS))
    return Batch(pictures, torch.arange(count) % 3, latents, first=0, seed=1)


# --- parts -------------------------------------------------------------------------------------
def test_kl_is_that_of_torchs_normal_distributions() -> None:
    mean, log_variance = normal(5, 3), normal(5, 3, seed=2)
    posterior = distributions.Normal(mean, (log_variance / 2).exp())
    expected = distributions.kl_divergence(posterior, distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(variational.kl_divergence(mean, log_variance), expected)
    assert variational.kl_divergence(torch.zeros(1, 3), torch.zeros(1, 3)).tolist() == [0.0]


@pytest.mark.parametrize("channels", [1, 3])
def test_bernoulli_is_torchs_for_black_and_white(channels: int) -> None:
    logits = normal(4, channels, 4, 4) * 3
    pictures = variational.binarised(normal(4, channels, 4, 4, seed=2))
    assert set(pictures.unique().tolist()) == {-1.0, 1.0}
    likelihood = distributions.Bernoulli(logits=logits).log_prob((pictures + 1) / 2)
    expected = -likelihood.sum((1, 2, 3))
    torch.testing.assert_close(variational.bernoulli_nll(logits, pictures), expected)


def test_the_cut_is_at_the_middle_grey() -> None:
    levels = torch.tensor([0, 127, 128, 255]) / 127.5 - 1  # the tutorial: 1 where x > 0.5
    assert variational.binarised(levels).tolist() == [-1, -1, 1, 1]


@pytest.mark.parametrize("channels", [1, 3])
def test_gaussian_is_torchs(channels: int) -> None:
    logits, pictures = normal(4, channels, 4, 4), normal(4, channels, 4, 4, seed=2)
    likelihood = distributions.Normal(torch.tanh(logits / 2), math.sqrt(0.3)).log_prob(pictures)
    found = variational.gaussian_nll(logits, pictures, torch.tensor(0.3))
    torch.testing.assert_close(found, -likelihood.sum((1, 2, 3)))


def test_the_batchs_squared_error_is_the_best_variance() -> None:
    ours = objective(train__variational__likelihood="gaussian")
    logits, pictures = normal(4, 1, 4, 4), images(4)
    best = ours._nll(logits, pictures, lambda variance: variance).mean()
    error = (torch.tanh(logits / 2) - pictures).square().mean()
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert variational.gaussian_nll(logits, pictures, error * factor).mean() > best
    assert best == pytest.approx(8 * (1 + math.log(2 * math.pi * error.item())), rel=1e-5)


def test_no_gradient_is_lost_by_holding_the_variance() -> None:
    """Against the loss of sigma-VAE's paper, 16 / 2 · (1 + log 2π · mean squared error), whose
    gradient passes through the error."""
    ours = objective(train__variational__likelihood="gaussian")
    pictures = images(4)
    gradients = []
    for through in (False, True):
        logits = normal(4, 1, 4, 4).requires_grad_()
        if through:
            error = (torch.tanh(logits / 2) - pictures).square().mean()
            loss = 8 * (1 + (2 * math.pi * error).log())
        else:
            loss = ours._nll(logits, pictures, lambda variance: variance).mean()
        loss.backward()
        gradients.append(logits.grad)
    torch.testing.assert_close(*gradients)


# --- the bound ---------------------------------------------------------------------------------
def quadrature(ours: VariationalObjective, picture: Tensor) -> tuple[float, float]:
    """Return log p(x) and ELBO = log p(x) − KL(q ‖ p(z | x)) of one black-and-white picture, by
    sums over a fine grid of the two latents, float64."""
    axis = torch.linspace(-8, 8, 321, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)  # 0.05 apart
    cell = math.log((axis[1] - axis[0]).item() ** 2)
    prior = distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    autoencoder = ours._autoencoder
    with torch.no_grad():
        mean, log_variance = (x.double() for x in autoencoder.decoder.encoder(picture, None))
        logits = autoencoder.decoder.logits(z.float(), None).double()
    levels = ((picture + 1) / 2).double()
    likelihood = distributions.Bernoulli(logits=logits).log_prob(levels).sum((1, 2, 3))
    log_p = (likelihood + prior + cell).logsumexp(0)
    q = distributions.Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(1)
    weights = (q + cell).exp()
    assert weights.sum().item() == pytest.approx(1, abs=1e-6)  # the grid holds the posterior
    gap = (weights * (q - (likelihood + prior - log_p))).sum()
    return log_p.item(), (log_p - gap).item()


def test_the_bound_is_what_it_should_be_and_below_the_likelihood() -> None:
    ours = objective(train__lr=1e-9)
    picture = variational.binarised(images(1))
    log_p, expected = quadrature(ours, picture)
    count = 20_000
    noise = normal(count, LATENTS, seed=7)
    metrics = ours.step(batch(picture.expand(count, -1, -1, -1), noise), 0)
    elbo, reconstruction, kl, _ = metrics.tolist()
    # The mean over 20,000 draws of a value that differs by about 1 nat from draw to draw.
    assert elbo == pytest.approx(expected, abs=0.03)
    assert elbo == pytest.approx(-(reconstruction + kl), abs=1e-4)
    assert expected < log_p - 0.1  # as measured: the gap is not hidden by the tolerance


def test_the_bound_does_not_know_beta() -> None:
    values = {}
    for beta in (0.0, 1.0, 5.0):
        values[beta] = objective(train__variational__beta=beta).step(batch(images(8)), 0)
    assert torch.equal(values[0.0][:3], values[5.0][:3])
    assert values[0.0][3] != values[5.0][3]  # the gradient's norm does


def test_beta_weighs_kl() -> None:
    """After the same steps, more of it leaves less divergence."""
    kl = []
    for beta in (0.0, 20.0):
        ours = objective(train__variational__beta=beta, train__lr=1e-2)
        for number in range(60):
            metrics = ours.step(batch(images(16)), number)
        kl.append(metrics[2].item())
    assert kl[1] < 0.2 * kl[0]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("layers", ["dense", "conv"])
def test_it_rises(layers: str, likelihood: str) -> None:
    ours = objective(layers=layers, train__lr=1e-2, train__variational__likelihood=likelihood)
    pictures = variational.binarised(images(16))  # grey ones' own entropy hides most of a rise
    bounds = [ours.step(batch(pictures), number)[0].item() for number in range(80)]
    assert bounds[-1] > bounds[0] + 1  # nats


def test_the_class_reaches_both_sides() -> None:
    ours = objective(classes=3)
    autoencoder = ours._autoencoder
    pictures, labels = images(3), torch.arange(3)
    same = torch.zeros(3, LATENTS)
    for make in (
        lambda labels: autoencoder.decoder.encoder(pictures[:1].expand(3, -1, -1, -1), labels)[0],
        lambda labels: autoencoder.decoder(same, labels),
    ):
        made = make(labels)
        assert not torch.allclose(made[0], made[1])
        assert torch.equal(make(labels.roll(1))[1], made[0])


def test_the_mean_image_is_the_likelihoods() -> None:
    """Of a Bernoulli's pixels the mean is σ(logit); the image is it in [-1, 1]."""
    ours = objective()
    latents = normal(3, LATENTS)
    with torch.no_grad():
        logits = ours.generator.logits(latents)
        torch.testing.assert_close(ours.generator(latents), 2 * logits.sigmoid() - 1)


def test_state_goes_round() -> None:
    one, other = objective(), objective()
    one.step(batch(images(8)), 0)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.step(batch(images(8)), 1), other.step(batch(images(8)), 1))


def test_latents_that_say_nothing_are_a_warning() -> None:
    ours = objective()
    assert ours.warning([]) is None
    rows = [{"kl": 0.01}] * 20
    assert "posterior collapse" in ours.warning(rows)
    assert ours.warning(rows[1:]) is None
    assert ours.warning([*rows, {"kl": 0.2}]) is None


def test_nothing_is_advised() -> None:
    assert objective().advice(1000) is None


# --- unseen images -----------------------------------------------------------------------------
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_unseen_images_are_measured_as_a_step_measures_its_batch(likelihood: str) -> None:
    ours = objective(train__variational__likelihood=likelihood, train__lr=1e-9)
    some = batch(images(12))
    found = ours.held_out_metrics(ours.generator, some)
    weights = [weight.clone() for weight in ours.generator.parameters()]
    elbo, reconstruction, kl, _ = ours.step(some, 0)
    expected = {"elbo": elbo, "reconstruction": reconstruction, "kl": kl}
    torch.testing.assert_close(found, expected)
    # It measures and does not learn.
    assert not any(value.requires_grad for value in found.values())
    ours.held_out_metrics(ours.generator, some)
    for before, after in zip(weights, ours.generator.parameters(), strict=True):
        torch.testing.assert_close(before, after)


def test_the_finished_generator_is_measured_not_the_one_that_trains() -> None:
    ours, other = objective(), objective()
    with torch.no_grad():
        for weight in other.generator.parameters():
            weight.mul_(1.5)
    some = batch(images(12))
    found = ours.held_out_metrics(other.generator, some)
    torch.testing.assert_close(found, other.held_out_metrics(other.generator, some))
    assert found["elbo"] != ours.held_out_metrics(ours.generator, some)["elbo"]


def test_unseen_images_are_cut_to_black_and_white_as_the_trained_ones_are() -> None:
    ours = objective(train__variational__binarise=True)
    grey = images(12)
    found = ours.held_out_metrics(ours.generator, batch(grey))
    cut = ours.held_out_metrics(ours.generator, batch(variational.binarised(grey)))
    torch.testing.assert_close(found, cut)
