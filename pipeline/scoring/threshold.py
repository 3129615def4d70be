"""The threshold of the memorisation distance for a network of our own."""

import numpy as np

from pipeline.scoring.nearest import nearest

_SETS = 200
_SET_IMAGES = 300
# d falls below the threshold where about two thirds of what even a perfect generator makes are
# copies.
_MARGIN = 1 / 3


def memorization_threshold(
    *, unseen_features: np.ndarray, seen_features: np.ndarray, device: str = "cpu"
) -> float:
    """Return a third of the lowest d of real images that are no copies: the 1 % quantile over 200
    random sets of 300 unseen real images. The embedded network's was derived in this way, too.

    Args:
        unseen_features: (N, D) of real images that no generator was trained on.
        seen_features: (M, D) of the training images.
        device: where the matrix product runs.

    Raises:
        InputError: see `nearest`.
    """
    found = nearest(generated_features=unseen_features, real_features=seen_features, device=device)
    sets = np.random.default_rng(0).choice(found.distances, (_SETS, _SET_IMAGES))
    return _MARGIN * float(np.quantile(sets.mean(axis=1), 0.01))
