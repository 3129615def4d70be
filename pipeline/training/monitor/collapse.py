"""Mode collapse: samples that are nearly all alike."""

import numpy as np

_DIVERSITY = 0.25  # of the crops' own; healthy runs stay above 0.7 after the first grid


def collapse(samples: np.ndarray, crops: np.ndarray) -> str | None:
    """Return how little the samples differ, in words; None where all is well.

    Args:
        samples, crops: uint8 (N, side, side, channels), equally many.
    """
    ours, theirs = spread(samples), spread(crops)
    if ours >= _DIVERSITY * theirs:
        return None
    return (
        f"samples are nearly all alike (they differ {ours / max(theirs, 1e-9):.0%} as much as "
        f"the crops do): mode collapse"
    )


def spread(images: np.ndarray) -> float:
    """Return how much images differ, in levels: the mean over pixels of the standard deviation over
    images."""
    return float(images.astype(np.float32).std(axis=0).mean())
