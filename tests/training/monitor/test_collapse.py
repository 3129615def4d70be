"""Mode collapse, by what the samples look like."""

import numpy as np
import pytest

from pipeline.training.monitor.collapse import collapse, spread
from tests.factories import images


@pytest.mark.parametrize("channels", [1, 3])
def test_healthy_samples_are_no_collapse(channels: int) -> None:
    assert collapse(images(64, channels=channels, seed=1), images(64, channels=channels)) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_all_alike_are_a_collapse(channels: int) -> None:
    crops = images(64, channels=channels)
    noise = np.random.default_rng(0).integers(0, 5, crops.shape)
    nearly_one = np.clip(crops[:1].astype(int) + noise, 0, 255).astype(np.uint8)
    assert "mode collapse" in collapse(nearly_one, crops)


def test_the_spread_of_two_images_is_half_their_difference() -> None:
    two = np.stack([np.full((4, 4, 3), 10, np.uint8), np.full((4, 4, 3), 16, np.uint8)])
    assert spread(two) == pytest.approx(3)
