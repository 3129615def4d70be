"""Images as arrays: squashed, laid out in grids, encoded, converted between levels and [-1, 1].

No torch at import, so that a pool of decoding processes starts quickly.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch


def squash(image: Image.Image, side_px: int) -> np.ndarray:
    """The whole picture as a square, proportions given up, as Kaggle's scoring demo does it:
    Pillow's antialiased bilinear filter.

    Returns:
        (side_px, side_px, 3) uint8.
    """
    return np.asarray(image.resize((side_px, side_px), Image.Resampling.BILINEAR))


def grid(images: np.ndarray, columns: int, *, gap_px: int = 2, gap: int = 255) -> np.ndarray:
    """Lay pictures out row by row, `gap_px` of grey level `gap` between them.

    Args:
        images: (N, height, width, 3) uint8, N >= 1; the last row may be short.

    Returns:
        (rows·height + gaps, columns·width + gaps, 3) uint8.
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


def encode_png(image: np.ndarray) -> bytes:
    """Return one (height, width, channels) uint8 image as a PNG file: same image, same bytes."""
    file = io.BytesIO()
    to_pillow(image).save(file, "PNG", compress_level=6)
    return file.getvalue()


def to_signed(images: torch.Tensor) -> torch.Tensor:
    """(N, height, width, 3) uint8 -> (N, 3, height, width) float32 in [-1, 1], a network's view."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1)


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, height, width) in [-1, 1] -> (N, height, width, 3) uint8, rounded; the way back.

    Values outside [-1, 1] are clipped.
    """
    levels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    return levels.byte().permute(0, 2, 3, 1).contiguous()
