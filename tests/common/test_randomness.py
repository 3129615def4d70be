"""Draws by index: any stretch, from anywhere, gives the same values; and they are what they say."""

import numpy as np
import pytest
from scipy import stats

from pipeline.common import randomness


@pytest.mark.parametrize("width", [1, 4, 5, 128])
def test_a_stretch_does_not_depend_on_where_it_starts(width: int) -> None:
    whole = randomness.words(7, "a", 0, 50, width)
    parts = [randomness.words(7, "a", first, 10, width) for first in range(0, 50, 10)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert np.array_equal(randomness.words(7, "a", 13, 1, width)[0], whole[13])
    assert whole.shape == (50, width)
    assert len(np.unique(whole)) == whole.size


def test_far_indices_are_cheap_and_differ() -> None:
    far = randomness.words(7, "a", 10**12, 2, 4)
    assert len(np.unique(np.concatenate([far, randomness.words(7, "a", 0, 2, 4)]))) == 16


def test_seed_and_stream_matter() -> None:
    base = randomness.words(1, "a", 0, 100, 4)
    for other in (randomness.words(2, "a", 0, 100, 4), randomness.words(1, "b", 0, 100, 4)):
        assert not (base == other).any()


def test_known_words() -> None:
    """The very bits, so that no version of NumPy changes a run unnoticed. Philox 4x64-10 with
    key (0, crc32("")) = (0, 0) and counter 1: NumPy raises the counter before it encrypts."""
    expected = np.random.Generator(np.random.Philox(key=0)).bit_generator.random_raw(4)
    assert np.array_equal(randomness.words(0, "", 0, 1, 4)[0], expected)
    assert hex(int(expected[0])) == "0x2f4ba6408e4d89b"


def test_uniforms() -> None:
    values = randomness.uniforms(3, "u", 0, 20_000, 4)
    assert values.min() > 0 and values.max() < 1
    # p < 1e-4 by chance only, and the seed is fixed.
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-4


def test_normals() -> None:
    values = randomness.normals(3, "n", 0, 20_000, 4)
    assert values.dtype == np.float32
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-4


def test_truncated_normals_follow_the_truncated_law() -> None:
    values = randomness.normals(3, "n", 0, 20_000, 4, limit=0.8)
    assert np.abs(values).max() <= 0.8
    assert stats.kstest(values.ravel(), stats.truncnorm(-0.8, 0.8).cdf).pvalue > 1e-4
    # Cutting the tails off at the limit instead would pile values up there, and fail.
    clipped = np.clip(randomness.normals(3, "n", 0, 20_000, 4), -0.8, 0.8)
    assert stats.kstest(clipped.ravel(), stats.truncnorm(-0.8, 0.8).cdf).pvalue < 1e-4


def test_permutations_are_permutations_and_differ_by_index() -> None:
    first, second = (randomness.permutation(1, "order", index, 1000) for index in (0, 1))
    assert np.array_equal(np.sort(first), np.arange(1000))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, randomness.permutation(1, "order", 0, 1000))
