"""Is it getting better, and is it still a game? A score from time to time, signs of collapse."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline import randomness
from pipeline.submission_zip import to_side

SCORED = 2000  # samples, and at most as many crops
_DIVERSITY = 0.25  # of the crops' own; healthy runs stay above 0.7 after the first grid
_SETTLED_IMAGES = 20_000
_SATURATED_ROWS = 20
_SATURATED_GAP = 0.95  # D(x) - D(G(z)), of at most 1


class Judge:
    """MiFID of samples against a fixed sample of the training crops, by the embedded network.

    For comparing moments of one run. It is not the score of the submission, whose real side is
    another.
    """

    def __init__(self, crops: np.ndarray, *, seed: int, device: str) -> None:
        # Late: a Kaggle kernel trains without the weights and without safetensors.
        from pipeline.scoring import embedded, mifid

        self._mifid = mifid
        self._network = embedded.load(device)
        rows = np.sort(randomness.permutation(seed, "score", 0, len(crops))[:SCORED])
        self._real = self._network.features(to_side(np.ascontiguousarray(crops[rows])))
        self._statistics = mifid.statistics(self._real)
        self._device = device

    def score(self, samples: np.ndarray) -> dict[str, float]:
        """fid, mifid and memorization_distance of uint8 (N, side, side, 3)."""
        features = self._network.features(to_side(samples))
        fid = self._mifid.fid(generated=self._mifid.statistics(features), real=self._statistics)
        distance = self._mifid.memorization_distance(
            generated_features=features, real_features=self._real, device=self._device
        )
        threshold = self._network.memorization_threshold
        mifid = self._mifid.mifid(fid=fid, memorization_distance=distance, threshold=threshold)
        return {"fid": fid, "mifid": mifid, "memorization_distance": distance}


def collapse(
    samples: np.ndarray, crops: np.ndarray, rows: list[dict[str, Any]], images_seen: int
) -> str | None:
    """What looks like the end of the game, in words; None where all is well.

    Args:
        samples, crops: uint8 (N, side, side, 3), equally many.
        rows: the history so far.
        images_seen: nothing is said before the first 20,000, when samples still are grey.
    """
    if images_seen < _SETTLED_IMAGES:
        return None
    ours, theirs = (_spread(images) for images in (samples, crops))
    if ours < _DIVERSITY * theirs:
        return (
            f"samples are nearly all alike (they differ {ours / max(theirs, 1e-9):.0%} as much as "
            f"the crops do): mode collapse"
        )
    recent = rows[-_SATURATED_ROWS:]
    if len(recent) == _SATURATED_ROWS and all(
        row["d_real"] - row["d_fake"] > _SATURATED_GAP for row in recent
    ):
        return f"D tells real from fake without fail for {_SATURATED_ROWS} rows: G learns nothing"
    return None


def _spread(images: np.ndarray) -> float:
    """How much pictures differ: the mean over pixels of the standard deviation over pictures."""
    return float(images.astype(np.float32).std(axis=0).mean())
