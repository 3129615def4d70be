"""The training of the network: folding, the last layer, the loss."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.scoring.extractors.embedded import Network
from research.distillation.student import Student, _loss, fit_readout, folded, start_from


def test_folding_changes_nothing_but_the_rounding() -> None:
    torch.manual_seed(0)
    student = Student(768, 8)
    for layer in student.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
    student.eval()
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected = student.network.means(x)
        found = folded(student.network).means(x)
    # weights in half precision: 2^-11 each, growing over eight layers
    assert torch.allclose(found, expected, rtol=1e-2, atol=1e-3)
    assert not torch.allclose(found, expected + 0.01, rtol=1e-2, atol=1e-3)


def test_a_student_that_starts_from_a_network_computes_the_same_at_first(
    smooth: np.ndarray,
) -> None:
    torch.manual_seed(0)
    network = Network().eval()
    student = Student(768, 8)
    x = torch.from_numpy(smooth).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = network.means(x)
        assert not torch.allclose(student.eval().network.means(x), expected, rtol=0.1)
        start_from(student, network, smooth)
        assert student.training
        found = student.eval().network.means(x)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5)  # float32, over eight layers


def test_readout_is_the_ridge_regression(smooth: np.ndarray) -> None:
    """At the solution, the gradient of the weighted squares plus the penalty is zero."""
    torch.manual_seed(0)
    network = Network().eval()
    targets = np.random.default_rng(1).normal(size=(12, 768)).astype(np.float32)
    groups = [slice(8, 10), slice(9, 12)]
    fit_readout(network, smooth, targets, 8, groups, ridge=3.0, group_weight=5.0)
    x = torch.from_numpy(smooth).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        means, found = network.means(x).double(), network(x).double()
    spread = means[:8].std(0) + 1e-3
    inputs = (means - means[:8].mean(0)) / spread
    expected = torch.from_numpy(targets).double()
    far = (expected - expected[:8].mean(0)).square().sum(1)
    weight = 1 / (1 + far / far[:8].mean())
    slope = network.readout.weight.double().T * spread[:, None]
    gradient = inputs.T @ (weight[:, None] * (found - expected)) + 3.0 * slope
    for rows in groups:  # a group of n counts as its weight times n images that are its mean
        middle = (expected[rows].mean(0) - expected[:8].mean(0)).square().sum()
        counts = 5.0 * len(expected[rows]) / (1 + middle / far[:8].mean())
        missed = (found - expected)[rows].mean(0)
        gradient += counts * torch.outer(inputs[rows].mean(0), missed)
    assert gradient.abs().max() < 1e-3 * (inputs.T @ expected).abs().max()  # float32 weights


def test_loss_is_zero_for_the_target_alone() -> None:
    torch.manual_seed(0)
    target, weights = torch.randn(16, 768), torch.rand(768) + 0.5
    # float32: 1 - cos of equal vectors
    assert _loss(target, target, weights).item() == pytest.approx(0, abs=1e-6)
    assert _loss(0.5 * target, target, weights) > 0.1
    assert _loss(torch.roll(target, 1, 0), target, weights) > 1


def test_far_images_do_not_outweigh_the_others_in_the_loss() -> None:
    """An outlier ten times as far, missed by as large a share, counts at most twice as much."""
    torch.manual_seed(0)
    target = torch.randn(1, 768)
    weights = torch.ones(768)
    near = _loss(0.5 * target, target, weights)
    far = _loss(5 * target, 10 * target, weights)
    assert near < far <= 2.01 * near
