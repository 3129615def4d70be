"""Image i is image i, whatever the batch, the start and the neighbours; so is its class."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.images import arrays
from pipeline.models.sampling import GeneratorInputs, decode, draw_inputs
from tests import factories

CPU = torch.device("cpu")
COUNTS = (600, 300, 100)  # images of three classes


def draw(first: int = 0, count: int = 30, **changes: object) -> GeneratorInputs:
    return draw_inputs(1, "samples", first, count, latent_dim=8, **changes)


@pytest.fixture
def generator() -> nn.Module:
    torch.manual_seed(0)
    network = factories.generator_info().build()
    for _ in range(20):  # running statistics that are not their defaults
        network(torch.randn(16, 8))
    return network


def test_inputs_by_index() -> None:
    whole = draw(count=2000, class_counts=COUNTS)
    alone = draw(1234, 1, class_counts=COUNTS)
    assert np.array_equal(alone.latents[0], whole.latents[1234])
    assert alone.labels[0] == whole.labels[1234]
    other = draw_inputs(2, "samples", 0, 2000, latent_dim=8, class_counts=COUNTS)
    assert not np.array_equal(other.latents, whole.latents)
    assert not np.array_equal(other.labels, whole.labels)
    assert np.abs(draw(count=2000, truncation=0.5).latents).max() <= 0.5


def test_classes_come_in_the_shares_of_the_data() -> None:
    count = 20_000
    labels = draw(count=count, class_counts=COUNTS).labels
    assert labels.dtype == np.int64
    for label, share in enumerate((0.6, 0.3, 0.1)):
        found = (labels == label).mean()
        assert abs(found - share) < 5 * (share * (1 - share) / count) ** 0.5  # standard errors


def test_a_class_without_images_is_never_drawn() -> None:
    labels = draw(count=5000, class_counts=(0, 3, 0, 1, 0)).labels
    assert set(labels.tolist()) == {1, 3}


def test_the_class_says_nothing_of_the_latent_and_the_other_way_round() -> None:
    told, untold = draw(count=5000, class_counts=(1, 1)), draw(count=5000)
    assert untold.labels is None
    assert np.array_equal(told.latents, untold.latents)
    for latent in told.latents.T:
        assert abs(np.corrcoef(latent, told.labels)[0, 1]) < 5 / 5000**0.5


@pytest.mark.parametrize("size", [1, 7, 30])
def test_the_batch_does_not_change_a_draw(size: int) -> None:
    whole = draw(count=60, class_counts=COUNTS)
    parts = [draw(first, size, class_counts=COUNTS) for first in range(0, 60, size)]
    for name in ("latents", "labels"):
        pieces = np.concatenate([getattr(part, name) for part in parts])[:60]
        assert np.array_equal(getattr(whole, name), pieces), name


@pytest.mark.parametrize("batch_size", [1, 7, 30, 100])
def test_the_batch_does_not_change_an_image(generator: nn.Module, batch_size: int) -> None:
    inputs = draw()
    whole = decode(generator, inputs, CPU, 10).astype(int)
    other = decode(generator, inputs, CPU, batch_size).astype(int)
    assert whole.shape == (30, 16, 16, 3)
    # Sums in another order: a value at the edge of rounding may move by one of 255 levels.
    assert np.abs(whole - other).max() <= 1
    assert (whole != other).mean() < 1e-3
    # With the batch's own statistics (training mode) neighbours would touch each other.
    generator.train()
    with torch.no_grad():
        wrong = arrays.to_bytes(generator(torch.from_numpy(inputs.latents[:15]))).numpy()
    assert np.abs(whole[:15] - wrong.astype(int)).max() > 1


def test_each_image_gets_its_own_class() -> None:
    class Class(nn.Module):
        """An image of one pixel whose level is the class."""

        def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return (labels / 127.5 - 1).view(-1, 1, 1, 1)

    inputs = draw(count=50, class_counts=COUNTS)
    for batch_size in (1, 7, 50):
        levels = decode(Class(), inputs, CPU, batch_size)[:, 0, 0, 0]
        assert np.array_equal(levels, inputs.labels)


def test_the_mode_is_put_back(generator: nn.Module) -> None:
    generator.train()
    before = generator.layers[1].running_mean.clone()
    decode(generator, draw(count=4), CPU)
    assert generator.training
    assert torch.equal(generator.layers[1].running_mean, before)
