"""Statistics over seeds: scipy as the oracle, closed forms, and what few seeds cannot tell."""

import math

import numpy as np
import pytest
import scipy.stats

from pipeline.report import seeds


def difference_of_means(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return first.mean(axis=axis) - second.mean(axis=axis)


@pytest.mark.parametrize("sizes", [(3, 3), (4, 6), (2, 7), (5, 5)])
def test_p_is_scipys(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    first, second = rng.normal(0, 1, sizes[0]), rng.normal(1, 1, sizes[1])
    theirs = scipy.stats.permutation_test(
        (first, second), difference_of_means, vectorized=True, n_resamples=np.inf
    )
    ours = seeds.permutation_p(first, second)
    if sizes[0] == sizes[1]:
        assert ours == pytest.approx(theirs.pvalue)
    else:  # scipy doubles the smaller tail, which differs where the splits are not symmetric
        values = np.concatenate([first, second])
        rng = np.random.default_rng(0)
        shuffles = rng.permuted(np.tile(values, (200_000, 1)), axis=1)
        differences = shuffles[:, : sizes[0]].mean(1) - shuffles[:, sizes[0] :].mean(1)
        observed = abs(first.mean() - second.mean())
        assert ours == pytest.approx((np.abs(differences) >= observed - 1e-12).mean(), abs=0.006)


def test_many_values_are_split_at_random_and_always_alike() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 14), rng.normal(0.8, 1, 14)
    found = seeds.permutation_p(first, second)
    assert found == seeds.permutation_p(first, second)
    assert found == pytest.approx(scipy.stats.ttest_ind(first, second).pvalue, abs=0.01)


def test_three_seeds_tell_nothing_and_four_tell_a_clear_difference() -> None:
    three = seeds.compare([1.0, 1.1, 1.2], [9.0, 9.1, 9.2])
    assert three.p == pytest.approx(2 / 20) and not three.is_told
    assert three.seeds_needed == 4
    four = seeds.compare([1.0, 1.1, 1.2, 1.3], [9.0, 9.1, 9.2, 9.3])
    assert four.p == pytest.approx(2 / 70) and four.is_told
    assert four.difference == pytest.approx(8.0) and four.seeds_needed is None


@pytest.mark.parametrize("sizes", [(1, 1), (3, 3), (3, 4), (2, 10), (4, 4)])
def test_the_smallest_p_is_that_of_sides_which_do_not_overlap(sizes: tuple[int, int]) -> None:
    low, high = np.arange(sizes[0]), 100.0 + np.arange(sizes[1])
    assert seeds.permutation_p(low, high) == pytest.approx(seeds.smallest_p(*sizes))


def test_equal_settings_are_not_told_apart() -> None:
    assert seeds.permutation_p([1.0, 2.0], [1.0, 2.0]) == 1.0
    verdict = seeds.compare([1.0, 2.0], [1.0, 2.0])
    assert (verdict.difference, verdict.seeds_needed) == (0.0, None)
    assert seeds.compare([1.0], [2.0]).seeds_needed is None  # nothing says how seeds differ


def test_as_many_seeds_as_it_asks_for_tell_the_difference_four_times_in_five() -> None:
    rng = np.random.default_rng(2)
    count = round(2 * 2.8016**2)
    told = [
        scipy.stats.ttest_ind(rng.normal(0, 1, count), rng.normal(1, 1, count)).pvalue < 0.05
        for _ in range(2000)
    ]
    assert np.mean(told) == pytest.approx(0.8, abs=0.05)
    first = [0.0, 1.0, 2.0]  # variance 1 on each side, difference 1
    assert seeds.compare(first, [1.0, 2.0, 3.0]).seeds_needed == math.ceil(2 * 2.8016**2)


def test_a_spread() -> None:
    found = seeds.spread([1.0, 2.0, 6.0])
    assert (found.count, found.mean, found.low, found.high) == (3, 3.0, 1.0, 6.0)
    assert found.deviation == pytest.approx(math.sqrt(7))
    assert math.isnan(seeds.spread([1.0]).deviation)


def test_only_numbers_that_all_runs_have_are_taken() -> None:
    runs = [
        {"fid": 1, "kid": 0.5, "official": True, "extractor": "embedded", "recall": None},
        {"fid": 2.0, "official": False, "extractor": "embedded", "recall": 0.1},
    ]
    assert seeds.numbers(runs) == {"fid": [1.0, 2.0]}
