"""The data's own test set, which training never sees: data/held_out.npz, beside the crops."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.data.arrays.raw import LabelledImages
from pipeline.images.shape import ImageShape


def write(path: Path, held_out: LabelledImages) -> None:
    """Write images, uint8 (N, side, side, channels), and labels, int64 (N,), whole or not."""
    content = io.BytesIO()
    np.savez(content, images=held_out.images, labels=held_out.labels)
    files.write_bytes(path, content.getvalue())


def write_empty(path: Path, shape: ImageShape) -> None:
    """Write that the data has no test set."""
    images = np.empty((0, shape.side_px, shape.side_px, shape.channels), np.uint8)
    write(path, LabelledImages(images, np.empty(0, np.int64)))


def load(path: Path) -> LabelledImages:
    """Return the test set, maybe empty.

    Raises:
        InputError: the file is not there, or not whole.
    """
    if not path.is_file():
        raise InputError(f"{path}: not there; run the crop stage first")
    try:
        with np.load(path, allow_pickle=False) as content:
            return LabelledImages(content["images"], content["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not whole ({error}); run the crop stage again") from None
