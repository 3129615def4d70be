"""The discriminator's targets: smoothed (Salimans et al. 2016, arXiv 1606.03498, section 3.4),
drawn from a range, and now and then swapped (the "noisy labels" of ganhacks)."""

import numpy as np


def targets(
    level: np.ndarray,
    swap: np.ndarray,
    *,
    own: tuple[float, float],
    other: tuple[float, float],
    swap_share: float,
) -> np.ndarray:
    """Targets of one side's images: float32 (N,).

    Args:
        level: uniform draws (N,); where in its range a target lies.
        swap: uniform draws (N,); the share `swap_share` of them takes the other side's range.
        own: [low, high] of this side's targets; `other`, of the other side's.
    """
    swapped = swap < swap_share
    low = np.where(swapped, other[0], own[0])
    high = np.where(swapped, other[1], own[1])
    return (low + level * (high - low)).astype(np.float32)
