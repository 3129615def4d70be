"""Compute the kernel inception distance (Bińkowski et al. 2018, arXiv 1801.01401, section 3).

    k(x, y) = (x·y / D + 1)³
    KID     = mean of k(g, g') + mean of k(r, r') - 2 mean of k(g, r),  g ≠ g', r ≠ r'

Its expected value does not depend on the number of images, where FID falls with it: it tells more
than FID where there are few. Being an unbiased estimate of 0 or more, it may lie a little below 0.
"""

import numpy as np

from pipeline.common import randomness
from pipeline.common.errors import InputError

# Of more images a fixed random choice is taken: the time grows with the square.
MOST_IMAGES = 5000
_BLOCK_ROWS = 1000


def kid(*, generated_features: np.ndarray, real_features: np.ndarray) -> float:
    """Return the distance of (N, D) and (M, D) features; 0 is the best that can be expected.

    Raises:
        InputError: fewer than two rows on a side.
    """
    generated, real = _chosen(generated_features), _chosen(real_features)
    within = _kernel_sum(generated, generated, is_same=True)
    within /= len(generated) * (len(generated) - 1)
    within_real = _kernel_sum(real, real, is_same=True) / (len(real) * (len(real) - 1))
    between = _kernel_sum(generated, real, is_same=False) / (len(generated) * len(real))
    return within + within_real - 2 * between


def _chosen(features: np.ndarray) -> np.ndarray:
    """Return at most `MOST_IMAGES` rows, float64."""
    if len(features) < 2:
        raise InputError(f"KID needs at least 2 images, there is {len(features)}")
    if len(features) > MOST_IMAGES:
        rows = randomness.permutation(0, "kid", 0, len(features))[:MOST_IMAGES]
        features = features[np.sort(rows)]
    return features.astype(np.float64)


def _kernel_sum(one: np.ndarray, other: np.ndarray, *, is_same: bool) -> float:
    """Return the sum of k over all pairs; without those of a row and itself where both sides are
    the same."""
    dimensions = one.shape[1]
    total = 0.0
    for first in range(0, len(one), _BLOCK_ROWS):
        block = one[first : first + _BLOCK_ROWS]
        total += float(((block @ other.T / dimensions + 1) ** 3).sum())
    if is_same:
        total -= float(((np.einsum("nd,nd->n", one, one) / dimensions + 1) ** 3).sum())
    return total
