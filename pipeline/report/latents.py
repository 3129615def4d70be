"""Make the samples and walks that a page shows, from a generator's file."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.models.saved import SavedGenerator


def rows(path: Path, *, walks: int, steps: int, seed: int) -> np.ndarray:
    """Return `walks` walks of a trained generator between two latents each, row by row. A generator
    that is told classes keeps to one class in each row.

    Returns:
        uint8 (walks * (steps + 1), side, side, channels), both ends of each walk among them.

    Raises:
        InputError: the file is no generator.
    """
    generator = _load(path)
    return np.concatenate([generator.walk(seed, 2, steps, first=2 * row) for row in range(walks)])


def samples(path: Path, *, count: int, seed: int) -> np.ndarray:
    """Return the first `count` samples of `seed`, uint8 (count, side, side, channels), of the
    generator in a file.

    Raises:
        InputError: the file is no generator.
    """
    return _load(path).sample(seed, count)


def _load(path: Path) -> "SavedGenerator":
    import torch

    from pipeline.models.saved import SavedGenerator

    return SavedGenerator.load(path, torch.device("cpu"))  # quick enough for some dozen images
