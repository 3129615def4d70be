"""The picture of memorisation: generated pictures beside the training crops they are nearest to."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

_COLUMNS = 4
_SIDE_PX = 128
_GAP_PX = 8
_CAPTION_PX = 16


def draw_pairs(
    *, generated: np.ndarray, real: np.ndarray, distances: Sequence[float]
) -> Image.Image:
    """Lay out pairs, generated left, real right, the cosine distance below.

    Args:
        generated: (n, side, side, 3) uint8.
        real: (n, side, side, 3) uint8, of any side.
        distances: n of them.
    """
    rows = -(-len(distances) // _COLUMNS)
    width, height = 2 * _SIDE_PX + _GAP_PX, _SIDE_PX + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (_COLUMNS * width + _GAP_PX, max(1, rows) * height + _GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for number, distance in enumerate(distances):
        x = _GAP_PX + number % _COLUMNS * width
        y = _GAP_PX + number // _COLUMNS * height
        for place, picture in enumerate((generated[number], real[number])):
            enlarged = Image.fromarray(picture).resize(
                (_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC
            )
            sheet.paste(enlarged, (x + place * _SIDE_PX, y))
        pen.text((x, y + _SIDE_PX + 2), f"generated | training   d = {distance:.4f}", fill="black")
    return sheet
