"""Statistics over runs that differ in the seed of their training: spread, and whether one setting
is better than another by more than seeds explain.

Retraining moves FID about three times as much as other latents of the same generator do (Dufour,
Efros and Pérez 2026, arXiv 2606.20536): two runs do not tell two settings apart.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.common import randomness
from pipeline.report.metrics import HIGHER_IS_BETTER, LOWER_IS_BETTER

SIGNIFICANCE = 0.05
# On each side: the smallest p of these is 2/70, of one fewer 2/20.
_FEWEST_SEEDS = 4
_POWER = 0.8
_MOST_SPLITS = 100_000
_TIE = 1e-9  # of the difference: equal up to rounding


@dataclass(frozen=True)
class Spread:
    """A metric over seeds; `deviation` is the standard deviation (n - 1), NaN of one value."""

    count: int
    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True)
class SettingComparison:
    """Whether a metric's mean differs between two settings.

    Attributes:
        difference: mean of the second minus mean of the first.
        p: of a two-sided permutation test of the means.
        seeds_needed: on each side, for a difference as large as this one to be told with
            probability 0.8; None where it is told already, or there is none.
    """

    difference: float
    p: float
    seeds_needed: int | None

    @property
    def is_told(self) -> bool:
        return self.p <= SIGNIFICANCE


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and range of a metric."""
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return Spread(len(values), statistics.fmean(values), deviation, min(values), max(values))


def compare(first: Sequence[float], second: Sequence[float]) -> SettingComparison:
    """Compare a metric of two settings, over seeds.

    Raises:
        ValueError: a side has no value.
    """
    difference = statistics.fmean(second) - statistics.fmean(first)
    p = permutation_p(first, second)
    told = p <= SIGNIFICANCE
    return SettingComparison(difference, p, None if told else _seeds_needed(first, second))


def judged(name: str, verdict: SettingComparison) -> str:
    """Return in words what the difference of a metric means (second setting minus the first)."""
    p = f"p {verdict.p:.2g}"
    if not verdict.is_told:
        more = f"; about {verdict.seeds_needed} seeds a side would" if verdict.seeds_needed else ""
        return f"cannot tell ({p}{more})"
    is_lower = verdict.difference < 0
    if name in LOWER_IS_BETTER or name in HIGHER_IS_BETTER:
        return f"{'better' if is_lower == (name in LOWER_IS_BETTER) else 'worse'} ({p})"
    return f"{'lower' if is_lower else 'higher'} ({p})"


def permutation_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the share of the ways to split all values into two sides of these sizes whose means
    differ by at least as much: all ways or, where they are more than 100,000, as many random ones.
    """
    values = np.array([*first, *second], dtype=np.float64)
    size = len(first)
    observed = abs(values[:size].mean() - values[size:].mean()) * (1 - _TIE)
    if math.comb(len(values), size) <= _MOST_SPLITS:
        rows = np.array(list(itertools.combinations(range(len(values)), size)))
    else:
        draws = randomness.uniforms(0, "permutation test", 0, _MOST_SPLITS, len(values))
        rows = np.argsort(draws, axis=1)[:, :size]
    sums = values[rows].sum(axis=1)
    differences = sums / size - (values.sum() - sums) / (len(values) - size)
    extreme = int((np.abs(differences) >= observed).sum())
    if len(rows) < math.comb(len(values), size):
        return (extreme + 1) / (len(rows) + 1)  # the observed split is one of them
    return extreme / len(rows)


def smallest_p(first: int, second: int) -> float:
    """Return the smallest p that a test of so many values a side can give: of one split or, where
    the sides are of one size, of it and its mirror image."""
    return (2 if first == second else 1) / math.comb(first + second, first)


def _seeds_needed(first: Sequence[float], second: Sequence[float]) -> int | None:
    """Return how many seeds a side a test of normal values with this difference and this spread
    needs: 2 · ((z₀.₉₇₅ + z₀.₈) · s / difference)²."""
    difference = abs(statistics.fmean(second) - statistics.fmean(first))
    variances = [statistics.variance(side) for side in (first, second) if len(side) > 1]
    if difference == 0 or not variances:
        return None
    normal = statistics.NormalDist()
    quantiles = normal.inv_cdf(1 - SIGNIFICANCE / 2) + normal.inv_cdf(_POWER)
    needed = 2 * quantiles**2 * statistics.fmean(variances) / difference**2
    return max(_FEWEST_SEEDS, math.ceil(needed))


def numbers(metrics: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the values of each metric that is a number in all of these runs."""
    return {
        key: [float(each[key]) for each in metrics]
        for key in metrics[0]
        if all(isinstance(each.get(key), int | float) for each in metrics)
        and not isinstance(metrics[0][key], bool)
    }
