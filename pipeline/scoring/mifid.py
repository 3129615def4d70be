"""Compute MiFID, the competition's score, step by step as Kaggle does.

    FID   = |μg - μr|² + Tr Σg + Tr Σr - 2 Tr (Σg Σr)^½      Heusel et al. 2017, eq. 6
    d     = mean over generated g of min over real r of 1 - |cos(g, r)|
    MiFID = FID / (d' + ε),  d' = d where d < threshold, else 1

Bai et al. 2021 (arXiv 2106.03062), section 3; the details (zero rows dropped, the absolute value,
n - 1, which side the mean runs over) are those of the organisers' `competition_scoring.py`. All in
float64. Where that script adds 1e-6·I because `sqrtm` failed, the root taken here exists anyway.
FID is a distance and never below 0: where the two distributions are the same it is 0, although the
formula leaves rounding errors of either sign, which a division by ε would make millions.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.common.errors import InputError
from pipeline.scoring.nearest import nearest

# Sums over the same features in another order differ by some 1e-15 of the largest.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Statistics:
    """What FID needs to know of a set of features.

    Attributes:
        mean: (D,) float64.
        covariance: (D, D) float64, divided by n - 1.
        root: (n, D) float64 with rootᵀ·root = covariance where that is the smaller way to say it
            (no more images than dimensions), else None.
    """

    mean: np.ndarray
    covariance: np.ndarray
    root: np.ndarray | None = None


def statistics(features: np.ndarray) -> Statistics:
    """Return mean and covariance of (n, D) features.

    Raises:
        InputError: fewer than two rows, or a value that is not finite.
    """
    require_finite(features)
    count, dimensions = features.shape
    if count < 2:
        raise InputError(f"FID needs at least 2 images, there is {count}")
    mean = features.mean(axis=0, dtype=np.float64)
    root = (features - mean) / np.sqrt(count - 1)
    covariance = root.T @ root
    return Statistics(mean, covariance, root if count <= dimensions else None)


def fid(*, generated: Statistics, real: Statistics) -> float:
    """Return the Fréchet distance of two normal distributions (Heusel et al. 2017, eq. 6).

    Returns:
        0 (the same mean and covariance, up to rounding) or more.

    Raises:
        InputError: features of different width.
    """
    if generated.mean.shape != real.mean.shape:
        raise InputError(
            f"generated features have {len(generated.mean)} dimensions, real ones "
            f"{len(real.mean)}: they come from different networks"
        )
    if _equal(generated.mean, real.mean) and _equal(generated.covariance, real.covariance):
        return 0.0
    root_trace = _trace_of_root(generated, real)
    means = np.sum((generated.mean - real.mean) ** 2)
    distance = means + np.trace(generated.covariance) + np.trace(real.covariance) - 2 * root_trace
    return max(0.0, float(distance))


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two arrays hold the same numbers, up to rounding."""
    return bool(np.abs(one - other).max() <= _ROUNDING * np.abs(one).max())


def _trace_of_root(one: Statistics, other: Statistics) -> float:
    """Return Tr (Σ1 Σ2)^½ without the root itself.

    With Σ1 = RᵀR, the product Σ1 Σ2 has the eigenvalues of the symmetric R Σ2 Rᵀ, and the trace
    of its root is the sum of theirs. R is (n, D): for few images a small problem.
    """
    if one.root is None and other.root is not None:
        one, other = other, one
    known = torch.from_numpy(root(one))
    product = known @ torch.from_numpy(other.covariance) @ known.T
    # Rounding leaves tiny negative eigenvalues where the true one is 0.
    return float(torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum())


def root(of: Statistics) -> np.ndarray:
    """Return R, (r, D) float64 with RᵀR = Σ."""
    if of.root is not None:
        return of.root
    matrix = torch.from_numpy(of.covariance)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if not failed:
        return factor.T.numpy()
    # Singular (a feature that is always 0, fewer images than dimensions): leave out the null
    # space, or its rounding errors would enter as their square roots, 1e-8 instead of 1e-16.
    values, vectors = torch.linalg.eigh(matrix)
    kept = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
    return (vectors[:, kept] * values[kept].sqrt()).T.numpy()


def memorization_distance(
    *, generated_features: np.ndarray, real_features: np.ndarray, device: str = "cpu"
) -> float:
    """Return d: the mean over the generated images of the cosine distance to the nearest real one.

    Args:
        generated_features: (N, D). The mean runs over these, never over the real ones.
        real_features: (M, D).
        device: where the matrix product runs.

    Returns:
        0 (each generated row is a real one, up to scale) to 1.

    Raises:
        InputError: a side without a row that is not zero, or a value that is not finite.
    """
    found = nearest(
        generated_features=generated_features, real_features=real_features, device=device
    )
    return float(found.distances.mean())


def penalty(memorization_distance: float, *, threshold: float) -> float:
    """Return d', what FID is divided by: d below the threshold, 1 (no penalty) from there on."""
    return memorization_distance if memorization_distance < threshold else 1.0


def mifid(
    *, fid: float, memorization_distance: float, threshold: float, epsilon: float = 1e-15
) -> float:
    """Return the score, FID / (d' + ε); lower is better (Bai et al. 2021, eq. 4).

    Returns:
        0 or more; 0 where FID is 0, whatever d is.

    Raises:
        InputError: d and ε are 0 and FID is not, so that there is no such number.
    """
    if fid == 0:
        return 0.0
    divisor = penalty(memorization_distance, threshold=threshold) + epsilon
    if divisor == 0:
        raise InputError(
            "score.epsilon = 0: each image is the copy of a real one, so that MiFID would be "
            "FID / 0; set score.epsilon above 0 (Kaggle: 1e-15)"
        )
    return fid / divisor


def require_finite(features: np.ndarray) -> None:
    """Raise InputError, naming the first row, where features hold NaN or infinity."""
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise InputError(
            f"the features of image {int(bad.argmax())} are not finite ({int(bad.sum())} such): "
            f"wrong weights, or a precision too low for them"
        )
