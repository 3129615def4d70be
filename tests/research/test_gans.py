"""Every kind of generator: its losses, its layers, its samples."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from research.distillation import gans


def test_the_gradient_penalty_is_zero_for_slope_one() -> None:
    real, fake = torch.rand(4, 3, 8, 8), torch.rand(4, 3, 8, 8)

    class Slope(nn.Module):
        def __init__(self, steepness: float) -> None:
            super().__init__()
            direction = torch.randn(3 * 8 * 8)
            self.direction = nn.Parameter(steepness * direction / direction.norm())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) @ self.direction

    for steepness in (0.0, 1.0, 3.0):
        penalty = gans._gradient_penalty(Slope(steepness), real, fake)
        # float32 roots of sums of 192 squares
        assert penalty.item() == pytest.approx((steepness - 1) ** 2, abs=1e-5)


# With real logits 1 and 3, generated ones -2 and 0: from the papers' formulas, D's and G's.
def log1pexp(x: float) -> float:
    return math.log1p(math.exp(x))


LOSSES = {
    "bce": (
        (log1pexp(-1) + log1pexp(-3) + log1pexp(-2) + log1pexp(0)) / 2,
        (log1pexp(2) + log1pexp(0)) / 2,
    ),
    "bce-smooth": (
        0.9 * (log1pexp(-1) + log1pexp(-3)) / 2
        + 0.1 * (log1pexp(1) + log1pexp(3)) / 2
        + (log1pexp(-2) + log1pexp(0)) / 2,
        (log1pexp(2) + log1pexp(0)) / 2,
    ),
    "hinge": (0.5, 1.0),
    "least-squares": ((0 + 4 + 4 + 0) / 2, (9 + 1) / 2),
    "relativistic": (log1pexp(-3), log1pexp(3)),
    "wasserstein": (-3.0, 1.0),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_losses_are_the_papers(loss: str) -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-2.0, 0.0])
    of_d, of_g = LOSSES[loss]
    assert gans.discriminator_loss(loss, real, fake).item() == pytest.approx(of_d, rel=1e-6)
    assert gans.generator_loss(loss, real, fake).item() == pytest.approx(of_g, rel=1e-6)


@pytest.mark.parametrize("run", gans.TRAINING_RUNS | gans.HELD_OUT_RUNS)
def test_each_run_names_a_loss_that_exists(run: str) -> None:
    assert (gans.TRAINING_RUNS | gans.HELD_OUT_RUNS)[run].loss in {*LOSSES, "elbo"}


@pytest.mark.parametrize(
    "loss",
    ["bce", "bce-smooth", "hinge", "least-squares", "relativistic", "wasserstein", "elbo"],
)
def test_a_generator_is_sampled_while_it_is_trained(smooth: np.ndarray, loss: str) -> None:
    run = gans.Run(1, 2, 1e-3, loss, "transposed", "crops", images=16, batch=2)
    progress, samples = zip(*gans.train_and_sample(run, smooth, 3), strict=True)
    assert progress[-1] == 1.0
    assert list(progress) == sorted(progress)
    assert all(each.shape == (3, 64, 64, 3) and each.dtype == np.uint8 for each in samples)
    assert not np.array_equal(samples[0], samples[-1])


@pytest.mark.parametrize("run", gans.TRAINING_RUNS | gans.HELD_OUT_RUNS)
def test_each_kind_of_gan_fits_together(run: str) -> None:
    made = (gans.TRAINING_RUNS | gans.HELD_OUT_RUNS)[run]
    images = gans.generator(made)(torch.randn(2, made.latent))
    assert images.shape == (2, 3, 64, 64)
    shape = (2, 2 * made.latent) if made.loss == "elbo" else (2,)
    assert gans.discriminator(made)(images).shape == shape
