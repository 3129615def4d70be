"""The data's own test set, which training never sees: data/held_out.npz, beside the crops."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.data.arrays.raw import LabelledImages
from pipeline.data.dataset import Dataset
from pipeline.images import arrays
from pipeline.images.shape import ImageShape


def write(path: Path, held_out: LabelledImages, class_names: Sequence[str]) -> None:
    """Write images, uint8 (N, side, side, channels), and labels, int64 (N,), whole or not.

    Args:
        class_names: what the labels are rows of.
    """
    names = np.array(class_names, dtype=np.str_)
    with files.atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, images=held_out.images, labels=held_out.labels, class_names=names)


def write_empty(path: Path, shape: ImageShape) -> None:
    """Write that the data has no test set."""
    images = np.empty((0, shape.side_px, shape.side_px, shape.channels), np.uint8)
    write(path, LabelledImages(images, np.empty(0, np.int64)), ())


def load_images(path: Path) -> np.ndarray:
    """Return the images of the test set, uint8 (N, side, side, channels), maybe none.

    Raises:
        InputError: the file is not there, or not whole.
    """
    return _read(path)[0].images


def load_named(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of the test set, uint8 (N, side, side, channels), maybe none, and the name
    of each one's class, str (N,).

    Raises:
        InputError: the file is not there, or not whole.
    """
    held_out, names = _read(path)
    return held_out.images, np.array(names, np.str_)[held_out.labels]


def load(path: Path, dataset: Dataset) -> Dataset:
    """Return the test set of a data set, maybe empty; its labels are rows of the data set's class
    names.

    Raises:
        InputError: the file is not there, or not whole; its images have another shape, or one is of
            a class that no training image has.
    """
    held_out, names = _read(path)
    shape = arrays.shape_of(held_out.images, str(path))
    if shape != dataset.shape:
        raise InputError(
            f"{path}: its images are {shape}, the crops {dataset.shape}: they are not of one run; "
            f"run the crop stage again"
        )
    rows = {name: row for row, name in enumerate(dataset.class_names)}
    found = np.array([rows.get(name, -1) for name in names], np.int64)
    used = np.unique(held_out.labels)
    without = [names[label] for label in used if found[label] < 0]
    if without:
        raise InputError(
            f"{path}: has images of the class {without[0]!r}, of which there is no training image"
        )
    labels = found[held_out.labels] if len(held_out.labels) else held_out.labels
    return Dataset(held_out.images, labels, dataset.class_names, dataset.shape)


def _read(path: Path) -> tuple[LabelledImages, list[str]]:
    """Return images and labels, and what these are rows of."""
    if not path.is_file():
        raise InputError(f"{path}: not there; run the crop stage first")
    try:
        with np.load(path, allow_pickle=False) as content:
            found = LabelledImages(content["images"], content["labels"])
            names = content["class_names"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not whole ({error}); run the crop stage again") from None
    labels = found.labels
    if len(labels) != len(found.images):
        raise InputError(f"{path}: {len(found.images):,} images and {len(labels):,} labels")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
        raise InputError(f"{path}: a label that is none of its {len(names)} classes")
    return found, names
