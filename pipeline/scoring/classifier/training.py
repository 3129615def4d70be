"""Train the classifier. Every draw is a function of the seed and the image's number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.common import devices, progress, randomness
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring.classifier.network import SIDE_PX, ClassifierNetwork, build

_SHIFT_PX = 2  # an image is moved by at most so many pixels, in both directions
_WEIGHT_DECAY = 1e-2
_LABEL_SMOOTHING = 0.05
_WARM_UP = 0.1  # share of the steps in which the rate rises


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained: the section `classifier` of params.yaml.

    Attributes:
        seed: of all draws.
        images: training images shown in all.
        batch_size: images a step.
        lr: AdamW's highest rate; it rises in the first tenth of the steps, then falls to 0.
    """

    seed: int
    images: int
    batch_size: int
    lr: float


def train(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    recipe: Recipe,
    device: torch.device,
    label: str = "classify",
) -> ClassifierNetwork:
    """Return a network trained on labelled images, in evaluation mode.

    On the CPU it computes with one thread, so that the number of cores changes no bit.

    Args:
        images: uint8 (N, side, side, 1 or 3), of any side.
        labels: int64 (N,), 0 to classes - 1; a class may have no image.
        label: of the progress bar.
    """
    shape = ImageShape(SIDE_PX, images.shape[3])
    levels = torch.from_numpy(np.array(arrays.conform(images, shape))).to(device)
    targets = torch.from_numpy(labels).to(device)
    order = _Order(recipe.seed, len(labels))
    seed = int(randomness.words(recipe.seed, "weights of the classifier", 0, 1, 1)[0, 0] >> 1)
    network = build(shape, classes, seed=seed).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=_WEIGHT_DECAY)
    size = min(recipe.batch_size, len(labels))
    steps = max(1, recipe.images // size)
    with devices.cpu_threads(1), progress.bar(label=label, total=steps * size) as bar:
        for step in range(steps):
            rows = torch.from_numpy(order.rows(step * size, size)).to(device)
            draws = randomness.words(recipe.seed, "shifts of the classifier", step * size, size, 2)
            moved = _moved(levels[rows], draws % (2 * _SHIFT_PX + 1))
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * _rate((step + 0.5) / steps)
            logits = network(arrays.to_signed(moved))
            loss = F.cross_entropy(logits, targets[rows], label_smoothing=_LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.update(size)
    return network.eval()


class _Order:
    """Which image is shown when: each epoch shows every one once, in an order of its own."""

    def __init__(self, seed: int, length: int) -> None:
        self._length = length
        # Two epochs, since a batch may straddle them.
        self._epoch = lru_cache(maxsize=2)(
            lambda number: randomness.permutation(seed, "order of the classifier", number, length)
        )

    def rows(self, first: int, count: int) -> np.ndarray:
        """Return the rows of the images first..first+count-1, int64 (count,)."""
        epoch, place = np.divmod(np.arange(first, first + count), self._length)
        rows = np.empty(count, np.int64)
        for number in np.unique(epoch).tolist():
            rows[epoch == number] = self._epoch(number)[place[epoch == number]]
        return rows


def _moved(images: Tensor, shifts: np.ndarray) -> Tensor:
    """Return images moved, their edge repeated.

    Args:
        images: uint8 (B, side, side, channels).
        shifts: (B, 2), rows and columns, 0 to 2 · _SHIFT_PX; _SHIFT_PX leaves an image in place.
    """
    count, side = images.shape[:2]
    places = torch.arange(side)[None] + torch.from_numpy(shifts.astype(np.int64).T)[:, :, None]
    rows, columns = (places - _SHIFT_PX).clamp(0, side - 1).to(images.device)  # (B, side) each
    numbers = torch.arange(count, device=images.device)
    return images[numbers[:, None, None], rows[:, :, None], columns[:, None, :]]


def _rate(share: float) -> float:
    """Return the rate at a share of the steps, as a share of the highest."""
    return min(share / _WARM_UP, (1 - share) / (1 - _WARM_UP))
