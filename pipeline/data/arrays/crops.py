"""From arrays in data/raw to crops of the asked side: no box is cut, every image is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.common import npy, progress
from pipeline.data import held_out, index
from pipeline.data.arrays.raw import LabelledImages, RawArrays

_BLOCK_IMAGES = 1000
# An image is padded where the side is at most so many times its own: resampling 28 px to 32 would
# blur every stroke and change the statistics that the score compares, a border of black does not.
_PAD_AT_MOST = 1.5


def write(raw: RawArrays, *, side_px: int, crops: Path, index_csv: Path, test_set: Path) -> None:
    """Write every training image as a crop with its row in the index, and the test set alike."""
    images, labels = raw.training.images, raw.training.labels
    row_shape = (side_px, side_px, images.shape[3])
    with npy.growing(crops, row_shape) as append:
        for start in progress.bar(range(0, len(images), _BLOCK_IMAGES), label="crop"):
            append(fit_side(images[start : start + _BLOCK_IMAGES], side_px))
        # From here on an index of an earlier run would lie beside the crops of this one.
        index_csv.unlink(missing_ok=True)
    names = [raw.class_names[label] for label in labels]
    rows = [
        index.Row(f"{number:06d}", name, None, None, None, None, None, number, "")
        for number, name in enumerate(names)
    ]
    index.write(index_csv, rows)
    held_out.write(
        test_set,
        LabelledImages(fit_side(raw.held_out.images, side_px), raw.held_out.labels),
        raw.class_names,
    )


def fit_side(images: np.ndarray, side_px: int) -> np.ndarray:
    """Return images of the asked side: smaller ones padded with black or, where that would be most
    of the image, enlarged; larger ones reduced (Pillow's antialiased bicubic filter).

    Args:
        images: uint8 (N, height, width, channels).

    Returns:
        uint8 (N, side_px, side_px, channels).
    """
    count, height, width, channels = images.shape
    if (height, width) == (side_px, side_px):
        return np.ascontiguousarray(images)
    longest = max(height, width)
    if longest <= side_px <= _PAD_AT_MOST * longest:
        top, left = (side_px - height) // 2, (side_px - width) // 2
        padded = np.zeros((count, side_px, side_px, channels), np.uint8)
        padded[:, top : top + height, left : left + width] = images
        return padded
    resized = np.empty((count, side_px, side_px, channels), np.uint8)
    for number, image in enumerate(images):
        opened = Image.fromarray(image[..., 0] if channels == 1 else image)
        found = opened.resize((side_px, side_px), Image.Resampling.BICUBIC)
        resized[number] = np.asarray(found).reshape(side_px, side_px, channels)
    return resized
