"""How far a score would move if the same generator had drawn other images.

By the grouped jackknife (Shao and Wu 1989): with θᵢ the score without the i-th of g equal groups of
the images,

    variance = (g - 1) / g · Σ (θᵢ - mean of θ)²

Another seed of training moves a score further than that, about three times for FID (Dufour, Efros
and Pérez 2026, arXiv 2606.20536): `python -m pipeline seeds` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.common.errors import InputError
from pipeline.scoring import mifid
from pipeline.scoring.mifid import Statistics

_GROUPS = 10
_FEWEST_IMAGES = 4  # two groups of two


@dataclass(frozen=True)
class ScoreDeviation:
    """Standard deviations over other draws of as many images."""

    mifid: float
    fid: float


def deviation(
    features: np.ndarray,
    distances: np.ndarray,
    real: Statistics,
    *,
    threshold: float,
    epsilon: float,
) -> ScoreDeviation | None:
    """Return how far MiFID and FID depend on the draw; None of fewer than four images, and where
    MiFID is not defined without some of them.

    Args:
        features: (N, D) of the generated images; D as in `real`.
        distances: (N,), of each to its nearest real image.
        threshold, epsilon: as in `mifid.mifid`.
    """
    if len(features) < _FEWEST_IMAGES:
        return None
    groups = min(_GROUPS, len(features) // 2)
    size = len(features) // groups
    kept = features[: groups * size].reshape(size, groups, -1)  # group i: rows i, i + g, …
    kept_distances = distances[: groups * size].reshape(size, groups)
    # Its root once, instead of one of each covariance below.
    real = Statistics(real.mean, real.covariance, mifid.root(real))
    centre = kept.mean((0, 1), dtype=np.float64)
    sums = np.stack([kept[:, i].sum(0, dtype=np.float64) - size * centre for i in range(groups)])
    # Twice, rather than to hold ten matrices of D x D: 335 MB of Inception's features.
    all_squares = sum(_square(kept[:, i] - centre) for i in range(groups))
    count = (groups - 1) * size
    fids, mifids = [], []
    for i in range(groups):
        mean = (sums.sum(0) - sums[i]) / count
        covariance = all_squares - _square(kept[:, i] - centre) - count * np.outer(mean, mean)
        covariance /= count - 1
        fid = mifid.fid(generated=Statistics(centre + mean, covariance), real=real)
        distance = float(np.delete(kept_distances, i, axis=1).mean())
        fids.append(fid)
        try:
            mifids.append(
                mifid.mifid(
                    fid=fid, memorization_distance=distance, threshold=threshold, epsilon=epsilon
                )
            )
        except InputError:
            return None
    return ScoreDeviation(mifid=_jackknife(mifids), fid=_jackknife(fids))


def _square(rows: np.ndarray) -> np.ndarray:
    """Return rowsᵀ · rows, (D, D) float64."""
    return rows.T @ rows


def _jackknife(values: list[float]) -> float:
    """Return the standard deviation that the scores without each group tell of."""
    return float(np.sqrt((len(values) - 1) * np.var(values)))
