"""Is it getting better, and is it still a game? A score from time to time, signs of collapse."""

from __future__ import annotations

import copy
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from pipeline.common import devices, randomness
from pipeline.models.sampling import sample
from pipeline.submission.images_zip import to_side
from pipeline.training.engine.ema import measure_statistics

SCORED = 2000  # samples, and at most as many crops
NORM_BATCH = 256  # latents at once where batch-norm statistics are measured
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
        from pipeline.scoring import mifid
        from pipeline.scoring.extractors import embedded

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


@dataclass
class _Pending:
    """A score that is being computed."""

    found: Future[dict[str, float]]
    row: dict[str, Any]
    images_seen: int
    generator: nn.Module


class Scores:
    """Scores of a run's generators, each computed in a thread while training goes on.

    A score is that of the weights at the moment of `begin`, whenever it is ready. `settle` enters
    it into its row and into `best`; whoever needs these for good (a checkpoint, the end) waits.

    Attributes:
        best: mifid, images_seen and state of the best generator so far; None before the first.
    """

    def __init__(
        self, crops: np.ndarray, *, seed: int, norm_latents: np.ndarray, device: torch.device
    ) -> None:
        self._crops = crops
        self._seed = seed
        self._norm_latents = norm_latents
        self._latents = randomness.normals(seed, "score", 0, SCORED, norm_latents.shape[1])
        self._device = device
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._judge: Judge | None = None
        self._pending: _Pending | None = None
        self.best: dict[str, Any] | None = None

    def begin(self, generator: nn.Module, row: dict[str, Any], images_seen: int) -> None:
        """Score a generator as it is now; the figures will stand in `row`."""
        self.settle()
        snapshot = copy.deepcopy(generator)
        found = self._pool.submit(self._score, snapshot)
        self._pending = _Pending(found, row, images_seen, snapshot)

    def settle(self, *, wait: bool = True) -> None:
        """Enter the score that is under way, if there is one; raises what went wrong with it."""
        pending = self._pending
        if pending is None or not (wait or pending.found.done()):
            return
        found = pending.found.result()
        self._pending = None
        pending.row.update(found)
        if self.best is None or found["mifid"] < self.best["mifid"]:
            state = {name: value.cpu() for name, value in pending.generator.state_dict().items()}
            self.best = {
                "mifid": found["mifid"],
                "images_seen": pending.images_seen,
                "average": state,
            }

    def _score(self, generator: nn.Module) -> dict[str, float]:
        # The number of threads is each thread's own: the trainer keeps its own.
        with devices.cpu_threads(1):
            if self._judge is None:
                self._judge = Judge(self._crops, seed=self._seed, device=self._device.type)
            measure_statistics(generator, self._norm_latents, NORM_BATCH)
            return self._judge.score(sample(generator, self._latents, self._device))


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
