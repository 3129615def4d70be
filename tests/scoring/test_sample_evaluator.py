"""The score of samples while training goes on."""

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring.sample_evaluator import SampleEvaluator
from tests.factories import images, noise


def evaluator(crops: np.ndarray, count: int = 2000) -> SampleEvaluator:
    return SampleEvaluator(crops, count=count, seed=1, device="cpu")


def test_the_score_orders_images() -> None:
    """The crops themselves: distance 0; nearly themselves: MiFID punishes; other images of their
    kind: near; noise: far."""
    real = images(60, 64)
    evaluate = evaluator(real)
    copies, kin = evaluate(real), evaluate(images(60, 64, seed=1))
    brighter = evaluate((real.astype(int) + 2).clip(0, 255).astype(np.uint8))
    far = evaluate(noise(60, 64))
    assert copies["fid"] == pytest.approx(0, abs=1e-3)
    assert copies["memorization_distance"] == pytest.approx(0, abs=1e-5)
    assert copies["fid"] < kin["fid"] < far["fid"]
    assert brighter["mifid"] > 10 * brighter["fid"] > 0
    assert evaluate(real) == copies


def test_another_side_is_scored_at_the_networks_own() -> None:
    real, samples = images(60, 32), images(60, 32, seed=1)
    shape = ImageShape(64, 3)
    enlarged = evaluator(arrays.conform(real, shape))
    assert evaluator(real)(samples) == enlarged(arrays.conform(samples, shape))


def test_one_channel_is_scored_as_three_equal_ones() -> None:
    real, samples = images(60, 64, channels=1), images(60, 64, channels=1, seed=1)
    grey = evaluator(real.repeat(3, axis=3))
    assert evaluator(real)(samples) == grey(samples.repeat(3, axis=3))


def test_so_many_crops_are_the_real_side_drawn_by_the_seed() -> None:
    real = images(60, 64)
    some = SampleEvaluator(real, count=20, seed=1, device="cpu")
    again = SampleEvaluator(real, count=20, seed=1, device="cpu")
    other = SampleEvaluator(real, count=20, seed=2, device="cpu")
    samples = images(30, 64, seed=1)
    assert some(samples) == again(samples) != other(samples)
    assert some(samples) != evaluator(real)(samples)


def test_one_crop_has_no_statistics() -> None:
    with pytest.raises(InputError, match="at least 2"):
        evaluator(images(1, 64))
