"""Every random draw of training, by the number of the image: which picture, flips, targets,
latents. Image i of a run gets the same ones whatever the batch, the process or the restart."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.common import randomness
from pipeline.training.engine import losses as labels

if TYPE_CHECKING:
    from pipeline.config.schema import Train


@dataclass(frozen=True)
class Draws:
    """What a stretch of N images needs."""

    rows: np.ndarray  # int64 (N,): which crops
    flips: np.ndarray  # bool (N,): mirrored or not
    real_targets: np.ndarray  # float32 (N,): D's targets for the crops
    fake_targets: np.ndarray  # float32 (N,): ... and for the generated images
    latents: np.ndarray  # float32 (N, latent_dim), standard normal

    def to(self, device: torch.device) -> list[Tensor]:
        """All of them, in the order above, on the device."""
        return [
            torch.from_numpy(getattr(self, field.name)).to(device, non_blocking=True)
            for field in fields(self)
        ]


class Dice:
    """Draws for one run: `at(first, count)` gives those of the images first..first+count-1."""

    def __init__(self, train: Train, *, pictures: int, latent_dim: int) -> None:
        self._train = train
        self._pictures = pictures
        self._latent_dim = latent_dim
        # Two epochs, since a batch may straddle them.
        self._epoch = lru_cache(maxsize=2)(
            lambda epoch: randomness.permutation(train.seed, "order", epoch, pictures)
        )

    def at(self, first: int, count: int) -> Draws:
        train = self._train
        chance = randomness.uniforms(train.seed, "chance", first, count, 5).T  # (5, N)
        flip, real_level, real_swap, fake_level, fake_swap = chance
        real, fake = train.real_labels, train.fake_labels
        share = train.swap_labels
        return Draws(
            rows=self._rows(first, count),
            flips=(flip < 0.5) & train.flips,
            real_targets=labels.targets(
                real_level, real_swap, own=real, other=fake, swap_share=share
            ),
            fake_targets=labels.targets(
                fake_level, fake_swap, own=fake, other=real, swap_share=share
            ),
            latents=randomness.normals(train.seed, "latents", first, count, self._latent_dim),
        )

    def _rows(self, first: int, count: int) -> np.ndarray:
        """Each epoch shows every picture once, in an order of its own."""
        index = np.arange(first, first + count)
        epoch, place = np.divmod(index, self._pictures)
        rows = np.empty(count, dtype=np.int64)
        for number in np.unique(epoch):
            rows[epoch == number] = self._epoch(int(number))[place[epoch == number]]
        return rows
