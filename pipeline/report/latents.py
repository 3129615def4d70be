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


def plane(path: Path, *, side: int) -> tuple[np.ndarray, str | None] | None:
    """Return side x side images of a generator's plane of latents, row by row, and the class that
    they are of where it is told one; None where its latents have not two dimensions.

    Raises:
        InputError: the file is no generator.
    """
    generator = _load(path)
    if generator.info.latent_dim != 2:
        return None
    return generator.plane(side), next(iter(generator.info.class_names), None)


def of_each_class(
    path: Path, *, columns: int, most: int, seed: int
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Return the same latents as images of each class, a row of `columns` a class, and the classes'
    names; None for a generator that is told no class.

    Args:
        most: rows at most, the first classes.

    Raises:
        InputError: the file is no generator.
    """
    generator = _load(path)
    names = generator.info.class_names[:most]
    if not names:
        return None
    return generator.of_each_class(seed, columns, classes=len(names)), names


def reconstructions(path: Path, images: np.ndarray, names: np.ndarray) -> np.ndarray | None:
    """Return what a generator with an encoder makes of images, both uint8 (N, side, side,
    channels); None for one without, or where it does not know their shape or one's class.

    Args:
        names: str (N,), of the images' classes.

    Raises:
        InputError: the file is no generator.
    """
    generator = _load(path)
    shape = generator.info.shape
    if not generator.has_encoder or images.shape[1:] != (shape.side_px,) * 2 + (shape.channels,):
        return None
    rows = {name: row for row, name in enumerate(generator.info.class_names)}
    if rows and not rows.keys() >= set(names.tolist()):
        return None
    labels = np.array([rows[name] for name in names.tolist()], np.int64) if rows else None
    return generator.reconstruct(images, labels)


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
