"""The score's own noise: against the definition, and against many draws of the same generator."""

import numpy as np
import pytest

from pipeline.scoring import mifid
from pipeline.scoring.nearest import nearest
from pipeline.scoring.resampling import ScoreDeviation, deviation

DIMENSIONS = 8


def features(count: int, *, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(0.5 + shift, 1, (count, DIMENSIONS)), 0).astype(np.float32)


REAL = features(600, seed=0)
STATISTICS = mifid.statistics(REAL)


def distances(generated: np.ndarray) -> np.ndarray:
    return nearest(generated_features=generated, real_features=REAL, device="cpu").distances


def found(generated: np.ndarray, *, threshold: float = 1.0) -> ScoreDeviation | None:
    return deviation(
        generated, distances(generated), STATISTICS, threshold=threshold, epsilon=1e-15
    )


def scores(generated: np.ndarray, *, threshold: float = 1.0) -> tuple[float, float]:
    """MiFID and FID of a set, from nothing."""
    fid = mifid.fid(generated=mifid.statistics(generated), real=STATISTICS)
    d = mifid.memorization_distance(generated_features=generated, real_features=REAL)
    return mifid.mifid(fid=fid, memorization_distance=d, threshold=threshold), fid


@pytest.mark.parametrize("count", [40, 100, 217])
@pytest.mark.parametrize("threshold", [1.0, 0.0])
def test_it_is_the_definition(count: int, threshold: float) -> None:
    generated = features(count, seed=1, shift=0.2)
    groups = 10
    kept = generated[: count // groups * groups]
    without = np.array([
        scores(np.delete(kept, slice(i, None, groups), axis=0), threshold=threshold)
        for i in range(groups)
    ])  # fmt: skip
    by_definition = np.sqrt((groups - 1) / groups * ((without - without.mean(0)) ** 2).sum(0))
    ours = found(generated, threshold=threshold)
    assert (ours.mifid, ours.fid) == pytest.approx(tuple(by_definition), rel=1e-6)


def test_it_is_what_other_draws_show() -> None:
    draws = [features(300, seed=seed, shift=0.3) for seed in range(1, 201)]
    true = np.std([scores(draw) for draw in draws], axis=0, ddof=1)
    ours = np.sqrt(np.mean([(n.mifid**2, n.fid**2) for n in map(found, draws)], axis=0))
    np.testing.assert_allclose(ours, true, rtol=0.15)


def test_groups_that_are_alike_show_no_noise() -> None:
    ours = found(np.repeat(features(30, seed=1, shift=0.3), 10, axis=0))
    assert ours.fid == pytest.approx(0, abs=1e-9) and ours.mifid == pytest.approx(0, abs=1e-9)


def test_few_images_and_a_score_that_is_not_defined_give_none() -> None:
    assert found(features(3, seed=1)) is None
    assert found(features(4, seed=1)).fid > 0
    # All but one are copies: without that one d is 0, and FID / 0 is no number.
    generated = np.concatenate([features(1, seed=1), REAL[:39]])
    parts = generated, np.array([0.5, *np.zeros(39)]), STATISTICS
    assert deviation(*parts, threshold=1.0, epsilon=0.0) is None
    assert deviation(*parts, threshold=1.0, epsilon=1e-3).mifid > 0
