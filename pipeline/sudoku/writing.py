"""Draw a text in generated digits, dark on white."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.sudoku.digits import ink
from pipeline.sudoku.digits.pool import LEAST, PICTURE, Picture, Pool

_MARKS = "-/. "
_LONGEST = 40
_INK = 40  # the grey level of digits and marks


def require(text: str) -> None:
    """Check that a text can be drawn.

    Raises:
        InputError: another character, no digit, too long, or a digit too often for each to be
            another picture.
    """
    other = sorted(set(text) - set("0123456789" + _MARKS))
    if other:
        raise InputError(f"text {text!r}: has {other[0]!r}; digits, '-', '/', '.' and spaces only")
    counts = Counter(character for character in text if character not in _MARKS)
    if not counts:
        raise InputError(f"text {text!r}: has no digit")
    if len(text) > _LONGEST:
        raise InputError(f"text of {len(text)} characters: {_LONGEST} at most")
    digit, count = counts.most_common(1)[0]
    if count > LEAST:
        raise InputError(f"text {text!r}: has {digit} {count} times; {LEAST} times at most")


def draw(text: str, pool: Pool, *, seed: int, scale: int) -> tuple[np.ndarray, list[Picture]]:
    """Return the picture of a text, uint8 (height, width, 1), and the samples in it.

    Every digit is another sample; the same text, pool and seed give the same picture.

    Raises:
        InputError: as `require`.
    """
    require(text)
    left = {
        digit: iter(pool.choose(digit, text.count(str(digit)), seed=seed, stream="write"))
        for digit in range(10)
    }
    side = (PICTURE.side_px + 2 * ink.MARGIN_PX) * scale
    parts, chosen = [], []
    for character in text:
        if character in _MARKS:
            parts.append(_mark(character, side))
        else:
            picture = next(left[int(character)])
            chosen.append(picture)
            sample = arrays.from_pillow(Image.open(io.BytesIO(picture.png)))
            parts.append(_levels(ink.drawn(sample, scale)))
    border = ((4 * scale,) * 2, (4 * scale,) * 2, (0, 0))
    return np.pad(np.concatenate(parts, 1), border, constant_values=255), chosen


def _mark(character: str, side: int) -> np.ndarray:
    """Return a hyphen, slash, dot or space: uint8 (side, side // 2, 1), edges smoothed."""
    width = side // 2
    fine = 4  # places for each pixel and direction
    y, x = np.mgrid[0 : side * fine, 0 : width * fine] / (side * fine)
    x, y = x - 0.25, y - 0.5  # of the side, from the middle
    thick = 0.05
    inside = {
        " ": np.zeros(x.shape, bool),
        "-": (np.abs(y) < thick) & (np.abs(x) < 0.17),
        ".": x**2 + (y - 0.36) ** 2 < 0.075**2,
        "/": (np.abs(x + 0.4 * y) < thick * 1.1) & (np.abs(y) < 0.42),
    }[character]
    share = inside.reshape(side, fine, width, fine).mean((1, 3))
    return _levels(share)


def _levels(share: np.ndarray) -> np.ndarray:
    """Return ink, (height, width) from 0 to 1, as dark on white: uint8 (height, width, 1)."""
    return np.round(255 - (255 - _INK) * share).astype(np.uint8)[..., None]
