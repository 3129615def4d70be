"""Batches of a data set: every draw is a function of (seed, stream, number of the image), so that
image i of a run gets the same ones whatever the batch, the process or the restart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.common import randomness

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset

# Uniform draws that one image has in the stream "chance". Batches take the first; objectives may
# take the others (`Batch.chance`).
CHANCES = 5


@dataclass(frozen=True)
class Batch:
    """B consecutive images of a run.

    Attributes:
        images: float32 (B, channels, side, side) in [-1, 1], channels-last in memory.
        labels: int64 (B,), rows of the data set's class names.
        latents: float32 (B, latent_dim), standard normal.
        first: number of the first image, from 0; the others follow it.
        seed: of the run.
    """

    images: Tensor
    labels: Tensor
    latents: Tensor
    first: int
    seed: int

    def chance(self) -> np.ndarray:
        """Return uniform draws in (0, 1) for each image, float64 (CHANCES, B). The first decided
        whether the image is mirrored."""
        return randomness.uniforms(self.seed, "chance", self.first, len(self.latents), CHANCES).T


class Batches:
    """The batches of one run, with the data set resident on the device."""

    def __init__(
        self, dataset: Dataset, *, seed: int, flips: bool, latent_dim: int, device: torch.device
    ) -> None:
        self._images = torch.from_numpy(dataset.images).to(device)
        self._labels = torch.from_numpy(dataset.labels).to(device)
        self._seed = seed
        self._flips = flips
        self._latent_dim = latent_dim
        self._device = device
        # Two epochs, since a batch may straddle them.
        self._epoch = lru_cache(maxsize=2)(self._order)

    def at(self, first: int, count: int) -> Batch:
        """Return the images first..first+count-1 of the run."""
        chance = randomness.uniforms(self._seed, "chance", first, count, CHANCES)
        mirrored = (chance[:, 0] < 0.5) & self._flips
        latents = randomness.normals(self._seed, "latents", first, count, self._latent_dim)
        rows = self._to_device(self._rows(first, count))
        return Batch(
            images=self._signed(rows, self._to_device(mirrored)),
            labels=self._labels[rows],
            latents=self._to_device(latents),
            first=first,
            seed=self._seed,
        )

    def _signed(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        chosen = self._images[rows].permute(0, 3, 1, 2)
        chosen = torch.where(mirrored[:, None, None, None], chosen.flip(3), chosen)
        return chosen.to(torch.float32).mul_(1 / 127.5).sub_(1)

    def _rows(self, first: int, count: int) -> np.ndarray:
        """Each epoch shows every image once, in an order of its own."""
        index = np.arange(first, first + count)
        epoch, place = np.divmod(index, len(self._images))
        rows = np.empty(count, dtype=np.int64)
        for number in np.unique(epoch):
            rows[epoch == number] = self._epoch(int(number))[place[epoch == number]]
        return rows

    def _order(self, epoch: int) -> np.ndarray:
        return randomness.permutation(self._seed, "order", epoch, len(self._images))

    def _to_device(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)
