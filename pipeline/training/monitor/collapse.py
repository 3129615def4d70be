"""Mode collapse: samples that are nearly all alike."""

import numpy as np

_DIVERSITY = 0.25  # of the crops' own; healthy runs stay above 0.7 after the first grid
_SETTLED_IMAGES = 20_000


def collapse(samples: np.ndarray, crops: np.ndarray, images_seen: int) -> str | None:
    """Return how little the samples differ, in words; None where all is well.

    Args:
        samples, crops: uint8 (N, side, side, channels), equally many.
        images_seen: nothing is said before the first 20,000, when samples still are grey.
    """
    if images_seen < _SETTLED_IMAGES:
        return None
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
