"""Boxes on a photo: clip them, find the part that becomes a square crop, and cut it out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

Mode = Literal["square", "stretch", "pad"]

# What `pad` fills with.
BARS = (0, 0, 0)


class Box(NamedTuple):
    """A rectangle by its edges, in pixels from the upper left corner: xmax and ymax are outside."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    @property
    def width(self) -> float:
        return self.xmax - self.xmin

    @property
    def height(self) -> float:
        return self.ymax - self.ymin


def clip(box: Box, size: tuple[int, int]) -> Box:
    """Return the part of `box` that lies in a photo of (width, height) `size`, or an empty box."""
    width, height = size
    return Box(
        min(max(box.xmin, 0), width),
        min(max(box.ymin, 0), height),
        min(max(box.xmax, 0), width),
        min(max(box.ymax, 0), height),
    )


def region(box: Box, size: tuple[int, int], *, mode: Mode, margin: float) -> Box:
    """Return the part of a photo, in whole pixels and within it, that becomes the crop of `box`.

    `square`: a square around the box's centre, its side the box's longer side and `margin` times
    that on either end, moved as little as needed to lie within. Where the photo's shorter side
    is less than that, the square has that side: nothing is distorted or filled, the long box loses
    its ends. `stretch` and `pad`: the box with `margin` times its longer side around it, clipped.

    Args:
        box: within the photo and not empty.
        size: the photo's (width, height).
    """
    width, height = size
    longer = max(box.width, box.height)
    if mode == "square":
        side = max(1, min(round(longer * (1 + 2 * margin)), width, height))
        left = round((box.xmin + box.xmax - side) / 2)
        top = round((box.ymin + box.ymax - side) / 2)
        left = min(max(left, 0), width - side)
        top = min(max(top, 0), height - side)
        return Box(left, top, left + side, top + side)
    around = longer * margin
    wide = Box(box.xmin - around, box.ymin - around, box.xmax + around, box.ymax + around)
    wide = clip(wide, size)
    return Box(
        math.floor(wide.xmin), math.floor(wide.ymin), math.ceil(wide.xmax), math.ceil(wide.ymax)
    )


def shrink_for(regions: Iterable[Box], *, mode: Mode, side_px: int) -> int:
    """Return the strongest reduced decoding (1, 2, 4, 8) that leaves each region, along both axes,
    no smaller than its crop.

    It does most of the antialiasing, and a resize by a factor below 2 the rest. Against crops
    from the full size, on 180 photos of about 500x375: mean difference 1.0 of 255 levels, 99.9 %
    within 15 (leaving 1.5 times the crop's size: 0.4 and 7, in 1.1 times the time).
    """
    ratio = min(
        min(part.width / width, part.height / height)
        for part in regions
        for width, height in [_target(part, mode=mode, side_px=side_px)]
    )
    return max(step for step in (1, 2, 4, 8) if ratio >= step or step == 1)


def cut(
    image: Image.Image,
    part: Box,
    *,
    mode: Mode,
    side_px: int,
    shrink: int = 1,
    repeat_pixels: bool = False,
) -> np.ndarray:
    """Return `part` cut out and resized with Pillow's antialiased bicubic filter.

    At shrink 1 this is `image.crop(part).resize(...)` to the byte, in `pad` on a black square.

    Args:
        image: RGB, decoded at 1/shrink of the size that `part` refers to.
        repeat_pixels: whether a part whose crop is a whole multiple of it is enlarged by repeating
            its pixels: what is drawn pixel by pixel keeps its edges.

    Returns:
        (side_px, side_px, 3) uint8.
    """
    inner = Box(*(edge / shrink for edge in part))
    outer = (
        math.floor(inner.xmin),
        math.floor(inner.ymin),
        math.ceil(inner.xmax),
        math.ceil(inner.ymax),
    )
    target = _target(part, mode=mode, side_px=side_px)
    is_multiple = not (target[0] % part.width or target[1] % part.height)
    repeats = repeat_pixels and is_multiple
    small = image.crop(outer).resize(
        target,
        Image.Resampling.NEAREST if repeats else Image.Resampling.BICUBIC,
        box=(
            inner.xmin - outer[0],
            inner.ymin - outer[1],
            inner.xmax - outer[0],
            inner.ymax - outer[1],
        ),
    )
    if target != (side_px, side_px):
        whole = Image.new("RGB", (side_px, side_px), BARS)
        whole.paste(small, ((side_px - target[0]) // 2, (side_px - target[1]) // 2))
        small = whole
    return np.asarray(small)


def _target(part: Box, *, mode: Mode, side_px: int) -> tuple[int, int]:
    """Return the (width, height) that `part` is resized to."""
    if mode != "pad":
        return side_px, side_px
    scale = side_px / max(part.width, part.height)
    return max(1, round(part.width * scale)), max(1, round(part.height * scale))
