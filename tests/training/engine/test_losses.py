"""The losses by their definitions, and smoothing and swapping by what they do to the targets."""

import numpy as np
import pytest
import torch

from pipeline.training.engine import losses
from pipeline.training.engine.losses import label_targets

RANGES = {"own": (0.7, 1.2), "other": (0.0, 0.3)}


def test_losses_by_their_definitions() -> None:
    """Goodfellow et al. 2014, equation 1 with soft targets, and −log D(G(z)); in float64."""
    source = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(6, generator=source, dtype=torch.float64) for _ in range(2))
    t_real, t_fake = (torch.rand(6, generator=source, dtype=torch.float64) for _ in range(2))

    def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> float:
        d = 1 / (1 + (-logits).exp())
        return -(target * d.log() + (1 - target) * (1 - d).log()).mean().item()

    for logits, targets in ((real, t_real), (fake, t_fake)):
        found = losses.discriminator_loss(logits, targets)
        assert found.item() == pytest.approx(cross_entropy(logits, targets), rel=1e-12)
    expected = -(1 / (1 + (-fake).exp())).log().mean().item()
    assert losses.generator_loss(fake).item() == pytest.approx(expected, rel=1e-12)


def test_the_level_says_where_in_the_range() -> None:
    level = np.array([0.0, 0.5, 1.0])
    made = label_targets(level, np.ones(3), **RANGES, swap_share=0.0)
    assert made.dtype == np.float32
    assert np.allclose(made, [0.7, 0.95, 1.2])


def test_a_swapped_image_takes_the_other_sides_range() -> None:
    made = label_targets(np.array([0.0, 1.0]), np.array([0.02, 0.04]), **RANGES, swap_share=0.03)
    assert np.allclose(made, [0.0, 1.2])


def test_a_range_of_one_point_is_a_hard_label() -> None:
    level = np.array([0.1, 0.9])
    made = label_targets(level, np.ones(2), own=(1, 1), other=(0, 0), swap_share=0.0)
    assert made.tolist() == [1, 1]


def test_the_share_is_the_share() -> None:
    rng = np.random.default_rng(0)
    made = label_targets(rng.random(100_000), rng.random(100_000), **RANGES, swap_share=0.05)
    swapped = made < 0.5
    assert abs(swapped.mean() - 0.05) < 5 * (0.05 * 0.95 / 100_000) ** 0.5  # standard errors
    assert made[swapped].min() >= 0 and made[swapped].max() <= 0.3
    assert made[~swapped].min() >= np.float32(0.7) and made[~swapped].max() <= np.float32(1.2)
