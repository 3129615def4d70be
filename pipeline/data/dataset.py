"""The data set that the crop stage leaves: crops with their classes, read in this one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.common.errors import InputError
from pipeline.data import index
from pipeline.images import arrays
from pipeline.images.shape import ImageShape


@dataclass(frozen=True)
class Dataset:
    """The training images.

    Attributes:
        images: uint8 (N, side, side, channels), read from disk as it is used.
        labels: int64 (N,), rows of `class_names`; all 0 where there is one class.
        class_names: the classes that have an image, sorted.
        shape: side and channels of the images.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    shape: ImageShape

    def __len__(self) -> int:
        return len(self.images)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Return how many images each class has."""
        return tuple(np.bincount(self.labels, minlength=len(self.class_names)).tolist())

    @classmethod
    def load(cls, crops: Path, index_csv: Path) -> Dataset:
        """Return the data set of data/crops.npy and data/index.csv.

        Raises:
            InputError: a file is missing, holds something else, or the two do not belong together.
        """
        images = load_images(crops)
        names = _classes(index_csv, len(images))
        class_names, labels = np.unique(names, return_inverse=True)
        return cls(
            images=images,
            labels=labels.astype(np.int64).reshape(-1),
            class_names=tuple(str(name) for name in class_names),
            shape=arrays.shape_of(images, str(crops)),
        )


def load_images(path: Path) -> np.ndarray:
    """Return the crops alone: uint8 (N, side, side, channels), read from disk as they are used.

    Raises:
        InputError: no such file, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no crops here; make them first (python -m pipeline crop)")
    try:
        # Copy-on-write: the pages are shared by all processes, and torch wants a writable array.
        images = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: not an array in NumPy's format ({error})") from None
    arrays.shape_of(images, str(path))
    return images


def _classes(path: Path, count: int) -> np.ndarray:
    """Return the class name of each crop, (count,) str, in the order of the crops."""
    table = index.read(path)
    rows = table[table["crop"].notna()]
    numbers = rows["crop"].to_numpy(dtype=np.int64)
    if not np.array_equal(np.sort(numbers), np.arange(count)):
        raise InputError(
            f"{path}: names {len(numbers)} crops, crops.npy holds {count}: they are not of one "
            f"run; run the crop stage again"
        )
    return rows["class"].to_numpy(dtype=str)[np.argsort(numbers)]
