"""Samples as ink: what the page and the pictures of texts show of them. templates/ink.js does the
same in the browser."""

from __future__ import annotations

import numpy as np
from PIL import Image

MARGIN_PX = 3  # around a sample, which may reach its edge
_NEIGHBOUR = 0.125  # weight of either neighbour of a pixel; the pixel's own is the rest
_FAINTEST, _FULL = 0.34, 0.7  # levels, as shares of the brightest


def drawn(image: np.ndarray, scale: int) -> np.ndarray:
    """Return how much ink there is, from 0 to 1: float32 (side, side), side = (32 + 2 · 3) · scale.

    With a margin, and each pixel averaged a little with its neighbours, so that strokes which the
    sample's edge cuts off end round; enlarged by the bicubic filter; then a smooth step from
    `_FAINTEST`, where there is none, to `_FULL`.

    Args:
        image: uint8 (32, 32, 1), bright on dark.
    """
    levels = np.pad(image[..., 0].astype(np.float32) / 255, MARGIN_PX + 1)
    for _ in range(2):  # down, then across
        own = (1 - 2 * _NEIGHBOUR) * levels[1:-1]
        levels = (own + _NEIGHBOUR * (levels[:-2] + levels[2:])).T
    side = len(levels) * scale
    enlarged = np.asarray(Image.fromarray(levels).resize((side, side), Image.Resampling.BICUBIC))
    share = ((enlarged - _FAINTEST) / (_FULL - _FAINTEST)).clip(0, 1)
    return share**2 * (3 - 2 * share)


def as_sample(images: np.ndarray) -> np.ndarray:
    """Return samples as they look as ink, in their size: uint8 (N, 32, 32, 1), bright on dark."""
    inner = slice(MARGIN_PX, -MARGIN_PX)
    shown = [255 * drawn(image, 1)[inner, inner] for image in images]
    return np.round(shown).astype(np.uint8)[..., None]
