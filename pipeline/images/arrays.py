"""Images as arrays: conformed to a shape, laid out in grids, encoded, in a network's range.

No torch at import, so that a pool of decoding processes starts quickly.
"""

from __future__ import annotations

import hashlib
import io
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape

if TYPE_CHECKING:
    import torch

# Places of a part in an image, as shares of the rows and columns that are left out before it.
PARTS = {
    "top left": (0, 0),
    "top right": (0, 1),
    "middle": (0.5, 0.5),
    "bottom left": (1, 0),
    "bottom right": (1, 1),
}
MODES = {1: "L", 3: "RGB"}  # Pillow's names, by the number of channels


def shape_of(images: np.ndarray, what: str) -> ImageShape:
    """Return the shape of the images in an array.

    Args:
        what: the array's name in the message.

    Raises:
        InputError: not uint8 (N, side, side, 1 or 3).
    """
    square = images.ndim == 4 and images.shape[1] == images.shape[2]
    if images.dtype != np.uint8 or not square or images.shape[3] not in MODES:
        raise InputError(
            f"{what}: must be uint8 (N, side, side, 1 or 3), not {images.dtype} {images.shape}"
        )
    return ImageShape(images.shape[1], images.shape[3])


def conform(images: np.ndarray, shape: ImageShape) -> np.ndarray:
    """Return images with the side and the channels of `shape`.

    Resizes by Pillow's bicubic filter, antialiased where it shrinks. Grey becomes RGB of three
    equal channels; RGB becomes grey by ITU-R BT.601, section 2.5.1:
    Y = 0.299 R + 0.587 G + 0.114 B, rounded.

    Args:
        images: (N, side, side, 1 or 3) uint8.

    Returns:
        (N, shape.side_px, shape.side_px, shape.channels) uint8; the same array, not a copy, where
        it has this shape already.

    Raises:
        InputError: another type or shape of array.
    """
    if shape_of(images, "images") == shape:
        return images
    conformed = np.empty((len(images), shape.side_px, shape.side_px, shape.channels), np.uint8)
    for row, image in enumerate(images):
        resized = to_pillow(image).resize((shape.side_px,) * 2, Image.Resampling.BICUBIC)
        conformed[row] = from_pillow(resized.convert(MODES[shape.channels]))
    return conformed


def is_grey(images: np.ndarray) -> bool:
    """Return whether all pixels of (N, side, side, 3) uint8 images are grey: R = G = B."""
    return bool((images == images[..., :1]).all())


def part(images: np.ndarray, place: str) -> np.ndarray:
    """Return a part of each image, with 3/4 of its side: a view, nothing is resized.

    Args:
        images: (N, side, side, channels).
        place: one of `PARTS`.
    """
    side = images.shape[1]
    size = side * 3 // 4
    rest = side - size
    top, left = (round(rest * share) for share in PARTS[place])
    return images[:, top : top + size, left : left + size]


def duplicates(images: np.ndarray) -> int:
    """Return how many of (N, ...) uint8 images repeat the pixels of an earlier one.

    By digests of 32 bytes, since the images themselves can take gigabytes.
    """
    return len(images) - len({hashlib.sha256(image.tobytes()).digest() for image in images})


def squash(image: Image.Image, side_px: int) -> np.ndarray:
    """Return the whole photo as a square, as Kaggle's scoring demo makes it: its proportions are
    not kept, the filter is Pillow's antialiased bilinear one.

    Returns:
        (side_px, side_px, 3) uint8.
    """
    return np.asarray(image.resize((side_px, side_px), Image.Resampling.BILINEAR))


def grid(images: np.ndarray, columns: int, *, gap_px: int = 2, gap: int = 255) -> np.ndarray:
    """Lay images out row by row, `gap_px` of grey level `gap` between them.

    Args:
        images: (N, height, width, channels) uint8, N >= 1; the last row may be short.

    Returns:
        (rows·height + gaps, columns·width + gaps, channels) uint8.
    """
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    sheet = np.full(
        (rows * (height + gap_px) - gap_px, columns * (width + gap_px) - gap_px, channels),
        gap,
        np.uint8,
    )
    for number, image in enumerate(images):
        top = number // columns * (height + gap_px)
        left = number % columns * (width + gap_px)
        sheet[top : top + height, left : left + width] = image
    return sheet


def to_pillow(image: np.ndarray) -> Image.Image:
    """Return a (height, width, channels) uint8 array as an image: 1 channel is grey (mode L), 3 are
    RGB."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def from_pillow(image: Image.Image) -> np.ndarray:
    """Return an image of mode L or RGB as (height, width, channels) uint8."""
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def encode_png(image: np.ndarray) -> bytes:
    """Return one (height, width, channels) uint8 image as a PNG file: same image, same bytes."""
    file = io.BytesIO()
    to_pillow(image).save(file, "PNG", compress_level=6)
    return file.getvalue()


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Return one (height, width, channels) uint8 image as a JPEG file, colour at full resolution.

    The same image gives the same bytes with the same version of Pillow and of its JPEG library.
    """
    file = io.BytesIO()
    to_pillow(image).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def to_signed(images: torch.Tensor) -> torch.Tensor:
    """Return levels as a network takes them: (N, height, width, channels) uint8 -> (N, channels,
    height, width) float32 in [-1, 1]."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1)


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """Return a network's images as levels: (N, channels, height, width) in [-1, 1] -> (N, height,
    width, channels) uint8, rounded. Values outside [-1, 1] are clipped."""
    levels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    return levels.byte().permute(0, 2, 3, 1).contiguous()
