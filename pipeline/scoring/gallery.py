"""Draw generated images beside the training crops that they are nearest to."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from pipeline.images import arrays
from pipeline.images.shape import ImageShape

_COLUMNS = 4
_SIDE_PX = 128
_GAP_PX = 8
_CAPTION_PX = 16


def draw_pairs(
    *, generated: np.ndarray, real: np.ndarray, distances: Sequence[float]
) -> Image.Image:
    """Lay out pairs, generated left, real right, the cosine distance below.

    Args:
        generated, real: (n, side, side, channels) uint8, each of its own side and channels.
        distances: n of them.

    Returns:
        The sheet, of mode RGB.
    """
    rows = -(-len(distances) // _COLUMNS)
    width, height = 2 * _SIDE_PX + _GAP_PX, _SIDE_PX + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (_COLUMNS * width + _GAP_PX, max(1, rows) * height + _GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    sides = [arrays.conform(images, ImageShape(_SIDE_PX, 3)) for images in (generated, real)]
    for number, distance in enumerate(distances):
        x = _GAP_PX + number % _COLUMNS * width
        y = _GAP_PX + number // _COLUMNS * height
        for place, images in enumerate(sides):
            sheet.paste(Image.fromarray(images[number]), (x + place * _SIDE_PX, y))
        pen.text((x, y + _SIDE_PX + 2), f"generated | training   d = {distance:.4f}", fill="black")
    return sheet
