"""Retouching: corruptions that change an image's symmetry, palette, sharpness or border.

Each takes an image, (64, 64, 3) uint8, a strength in [0, 1] and a random generator, and returns
another such image.
"""

import numpy as np
from PIL import Image, ImageFilter

from research.distillation.data import SIDE_PX

_MIDDLE_PX = SIDE_PX // 2


def mirror_half(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Replace what is on one side of an axis through the middle, near it, with the mirror image of
    the other side; all of it at strength 1."""
    turns = int(rng.integers(4))
    turned = np.rot90(image, turns).copy()
    reach = _reach(strength)
    turned[:, _MIDDLE_PX : _MIDDLE_PX + reach] = turned[:, _MIDDLE_PX - reach : _MIDDLE_PX][:, ::-1]
    return np.ascontiguousarray(np.rot90(turned, -turns))


def kaleidoscope(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Fill the middle with one of its quarters, mirrored at both axes; the whole image at strength
    1."""
    turns = int(rng.integers(4))
    turned = np.rot90(image, turns).copy()
    reach = _reach(strength)
    quarter = turned[_MIDDLE_PX - reach : _MIDDLE_PX, _MIDDLE_PX - reach : _MIDDLE_PX]
    half = np.concatenate([quarter, quarter[:, ::-1]], 1)
    inside = slice(_MIDDLE_PX - reach, _MIDDLE_PX + reach)
    turned[inside, inside] = np.concatenate([half, half[::-1]])
    return turned


def _reach(strength: float) -> int:
    """Return up to how many pixels from the middle an image is made symmetric."""
    return round(_MIDDLE_PX * (0.25 + 0.75 * strength))


def palette(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Reduce the image to 64 down to 2 colours of its own."""
    return np.asarray(_reduced(image, strength).convert("RGB"))


def dither(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Reduce the image to 64 down to 2 colours of its own, and spread each pixel's error over its
    neighbours (Floyd and Steinberg 1976)."""
    spread = Image.fromarray(image).quantize(
        palette=_reduced(image, strength), dither=Image.Dither.FLOYDSTEINBERG
    )
    return np.asarray(spread.convert("RGB"))


def _reduced(image: np.ndarray, strength: float) -> Image.Image:
    colours = round(2 ** (6 - 5 * strength))
    return Image.fromarray(image).quantize(
        colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )


def tint(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Mix the image with shades between two colours, by its grey values, as duotone prints."""
    grey = image.mean(2, keepdims=True) / 255
    dark, light = rng.uniform(0, 140, 3), rng.uniform(115, 255, 3)
    toned = dark + grey * (light - dark)
    share = 0.3 + 0.7 * strength
    return np.rint(image * (1 - share) + toned * share).astype(np.uint8)


def sharpen(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add the image's difference from its blurred self, once to seven times."""
    mask = ImageFilter.UnsharpMask(rng.uniform(0.6, 2.5), round(100 + 600 * strength), 0)
    return np.asarray(Image.fromarray(image).filter(mask))


def emboss(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Mix the image with its slopes, as a relief lit from a corner."""
    relief = np.asarray(Image.fromarray(image).filter(ImageFilter.EMBOSS), np.float32)
    share = 0.2 + 0.8 * strength
    return np.rint(image * (1 - share) + relief * share).astype(np.uint8)


def frame(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Put a border of one colour on all sides, or bars on two, of up to 16 px; over the image, or
    around it made smaller."""
    width = 1 + round(15 * strength)
    y, x = [(width, width), (width, 0), (0, width)][int(rng.integers(3))]
    inside = (slice(y, SIDE_PX - y), slice(x, SIDE_PX - x))
    framed = np.empty_like(image)
    framed[:] = rng.choice([0, 255]) if rng.random() < 0.5 else rng.integers(0, 256, 3)
    if rng.random() < 0.5:
        framed[inside] = image[inside]
    else:
        small = Image.fromarray(image).resize((SIDE_PX - 2 * x, SIDE_PX - 2 * y))
        framed[inside] = np.asarray(small)
    return framed


def vignette(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Darken, or bleach, the image towards its corners."""
    y, x = (np.indices((SIDE_PX, SIDE_PX)) - (SIDE_PX - 1) / 2) / _MIDDLE_PX
    share = np.clip((0.4 + strength) * (y**2 + x**2), 0, 1)[..., None]
    to = 255 * int(rng.integers(2))
    return np.rint(image * (1 - share) + to * share).astype(np.uint8)


def repeat(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Show the image, made smaller, two to four times in each direction."""
    times = 2 + round(2 * strength)
    side = -(-SIDE_PX // times)
    small = np.asarray(Image.fromarray(image).resize((side, side)))
    return np.tile(small, (times, times, 1))[:SIDE_PX, :SIDE_PX]
