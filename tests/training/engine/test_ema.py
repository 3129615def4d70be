"""The average: its weights by the closed form, its batch-norm statistics measured anew."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.training.engine.ema import MovingAverage


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layer(x)[:, :, None, None])


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
    assert torch.allclose(average.average.layer.weight, torch.tensor(0.5), atol=1e-6)


def test_early_weights_are_forgotten_sooner() -> None:
    """After 50 images the half-life is 5 of them, so ten images leave a quarter."""
    network = Small()
    set_weight(network, 0.0)
    average = MovingAverage(network, halflife_images=1e9)
    set_weight(network, 1.0)
    average.update(10, 50)
    assert torch.allclose(average.average.layer.weight, torch.tensor(0.75), atol=1e-6)


def test_off_means_the_generator_itself() -> None:
    network = Small()
    average = MovingAverage(network, halflife_images=0)
    set_weight(network, 3.0)
    average.update(8, 1000)
    assert torch.equal(average.average.layer.weight, network.layer.weight)


@pytest.mark.parametrize("batch_size", [50, 200])
def test_batch_norm_statistics_are_those_of_the_average(batch_size: int) -> None:
    network = Small()
    average = MovingAverage(network, halflife_images=100)
    latents = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    for _ in range(3):  # the live statistics go elsewhere
        network(torch.full((8, 3), 5.0) + torch.randn(8, 3))
    collected = average.collect(latents, batch_size)
    activations = latents.astype(np.float64) @ collected.layer.weight.double().numpy().T
    assert np.allclose(collected.norm.running_mean.numpy(), activations.mean(0), atol=1e-5)
    # A mean of the batches' variances: at most each batch's scatter of means away.
    batches = activations.reshape(-1, batch_size, 2)
    assert np.allclose(
        collected.norm.running_var.numpy(), batches.var(1, ddof=1).mean(0), rtol=1e-4
    )
    assert not torch.allclose(collected.norm.running_mean, network.norm.running_mean, atol=0.1)
    assert not collected.training
    again = average.collect(latents, batch_size)
    assert torch.equal(again.norm.running_mean, collected.norm.running_mean)


def test_the_average_is_not_trained() -> None:
    average = MovingAverage(Small(), halflife_images=100)
    assert not any(p.requires_grad for p in average.average.parameters())
