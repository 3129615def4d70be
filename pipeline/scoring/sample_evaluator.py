"""The score of a few samples while training goes on."""

from __future__ import annotations

import numpy as np

from pipeline.common import randomness
from pipeline.scoring import mifid
from pipeline.scoring.extractors import embedded


class SampleEvaluator:
    """MiFID of samples against a fixed sample of the training crops, by the embedded network.

    For comparing moments of one run. It is not the score of the submission, whose real side is
    another.
    """

    def __init__(self, crops: np.ndarray, *, count: int, seed: int, device: str) -> None:
        """
        Args:
            crops: uint8 (N, side, side, channels).
            count: at most so many crops are the real side, drawn by `seed`.
            device: cpu | cuda | mps.
        """
        rows = np.sort(randomness.permutation(seed, "score", 0, len(crops))[:count])
        self._network = embedded.load(device)
        self._real = self._network.features(np.ascontiguousarray(crops[rows]))
        self._statistics = mifid.statistics(self._real)
        self._device = device

    def __call__(self, samples: np.ndarray) -> dict[str, float]:
        """Return fid, mifid and memorization_distance of uint8 (N, side, side, channels)."""
        features = self._network.features(samples)
        fid = mifid.fid(generated=mifid.statistics(features), real=self._statistics)
        distance = mifid.memorization_distance(
            generated_features=features, real_features=self._real, device=self._device
        )
        score = mifid.mifid(
            fid=fid,
            memorization_distance=distance,
            threshold=self._network.memorization_threshold,
        )
        return {"fid": fid, "mifid": score, "memorization_distance": distance}
