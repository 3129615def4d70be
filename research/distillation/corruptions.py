"""Corruptions of many kinds, and near-copies.

Each function takes an image, (64, 64, 3) uint8, a strength in [0, 1] and a random generator, some
of them a second image, and returns another such image.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from research.distillation.data import SIDE_PX
from research.distillation.geometry import (
    bulge,
    fade,
    frost,
    jumble,
    melt,
    ripple,
    smear,
    swirl,
    tear,
    warp,
)
from research.distillation.retouching import (
    dither,
    emboss,
    frame,
    kaleidoscope,
    mirror_half,
    palette,
    repeat,
    sharpen,
    tint,
    vignette,
)


def clip(values: np.ndarray) -> np.ndarray:
    """Return levels rounded and cut to 0..255 as uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# --- corruptions ---------------------------------------------------------------------------------
def blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    radius = 0.4 + 3.6 * strength
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return clip(image + rng.normal(0, 4 + 76 * strength, image.shape))


def jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(80 - 75 * strength))
    return np.asarray(Image.open(buffer))


def colour_cast(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    gain = np.exp(rng.normal(0, 0.05 + 0.5 * strength, 3))
    return clip(image * gain + rng.normal(0, 50 * strength, 3))


def saturation(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    factor = 1 - strength if rng.random() < 0.5 else 1 + 3 * strength
    return np.asarray(ImageEnhance.Color(Image.fromarray(image)).enhance(factor))


def contrast(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    factor = 1 - 0.9 * strength if rng.random() < 0.5 else 1 + 2 * strength
    return np.asarray(ImageEnhance.Contrast(Image.fromarray(image)).enhance(factor))


def checkerboard(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add the artefact of transposed convolutions (Odena et al. 2016), of period 2, 4 or 8 px."""
    period = int(rng.choice([2, 4, 8]))
    y, x = np.indices((SIDE_PX, SIDE_PX)) // (period // 2)
    sign = ((x + y) % 2 * 2 - 1)[..., None] * rng.uniform(0.5, 1, 3)
    return clip(image + (4 + 56 * strength) * sign)


def pixelate(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    side = round(48 - 42 * strength)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((SIDE_PX, SIDE_PX), Image.Resampling(int(rng.choice([0, 2])))))


def blend(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """Mix the image with another one, at most half and half."""
    return clip(image * (1 - 0.5 * strength) + other * 0.5 * strength)


def patchwork(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """Take some tiles from another image: real texture, wrong structure."""
    tile = int(rng.choice([8, 16, 32]))
    mask = rng.random((SIDE_PX // tile, SIDE_PX // tile)) < 0.1 + 0.4 * strength
    mask = mask.repeat(tile, 0).repeat(tile, 1)[..., None]
    return np.where(mask, other, image)


def hybrid(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """Join the low frequencies of an image with the high ones of another (Oliva et al. 2006)."""
    radius = 1 + 5 * strength
    coarse, other_coarse = (
        np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(radius)), np.float32)
        for each in (image, other)
    )
    return clip(coarse + other - other_coarse)


def posterise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    levels = round(24 - 21 * strength)
    return clip(np.rint(image / 255 * (levels - 1)) * 255 / (levels - 1))


def erase(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Fill one to four rectangles with one colour each."""
    image = image.copy()
    for _ in range(1 + int(3 * strength)):
        size = rng.integers(6, 12 + 28 * strength, 2)
        y, x = rng.integers(0, SIDE_PX - size + 1)
        image[y : y + size[0], x : x + size[1]] = rng.integers(0, 256, 3)
    return image


def fringe(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Shift the three colour channels apart from each other."""
    reach = 1 + int(6 * strength)
    moves = rng.integers(-reach, reach + 1, (3, 2))
    return np.stack([np.roll(image[..., c], moves[c], (0, 1)) for c in range(3)], -1)


# --- near-copies of an image --------------------------------------------------------------------
def zoom_in(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Cut off up to 40 % of the side and scale what is left back to 64x64."""
    side = round(SIDE_PX * (1 - 0.05 - 0.35 * strength))
    x, y = rng.integers(0, SIDE_PX - side + 1, 2)
    window = Image.fromarray(image).crop((x, y, x + side, y + side))
    return np.asarray(window.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))


def shift(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Shift the image by up to 10 px; the border is repeated."""
    reach = 1 + int(9 * strength)
    y, x = rng.integers(-reach, reach + 1, 2)
    pad = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    return pad[reach + y : reach + y + SIDE_PX, reach + x : reach + x + SIDE_PX]


def flip(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Mirror the image."""
    return image[:, ::-1]


# The network is trained on these, alone and two at once,
CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (
        blur, noise, jpeg, colour_cast, saturation, contrast, checkerboard, pixelate, blend,
        patchwork, zoom_in, shift, flip,
    )
}  # fmt: skip
# on these, which keep the texture and change the shape,
DEFORMATIONS: dict[str, Callable[..., np.ndarray]] = {"warp": warp, "jumble": jumble}
# on these,
DISTORTIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (melt, ripple, bulge, frost, smear, tear, fade, hybrid)
}
# and on these.
RETOUCHES: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function for function in (mirror_half, palette, tint, sharpen, frame)
}
# Kept for the evaluation: the network is not trained on them.
UNSEEN_CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function for function in (
        swirl, posterise, erase, fringe, kaleidoscope, dither, emboss, vignette, repeat,
    )
}  # fmt: skip
_ALL = CORRUPTIONS | DEFORMATIONS | DISTORTIONS | RETOUCHES | UNSEEN_CORRUPTIONS
_NEEDS_OTHER = {"blend", "patchwork", "hybrid"}


def corrupt(
    images: np.ndarray, kind: str, strength: float | None, rng: np.random.Generator
) -> np.ndarray:
    """Return the images corrupted, (N, 64, 64, 3) uint8.

    Args:
        kind: a name in one of the five tables.
        strength: 0 to 1; None draws one for each image.
    """
    function = _ALL[kind]
    result = np.empty_like(images)
    for i, image in enumerate(images):
        amount = rng.random() if strength is None else strength
        other = (images[rng.integers(len(images))],) if kind in _NEEDS_OTHER else ()
        result[i] = function(image, amount, rng, *other)
    return result


def degenerate(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return images as untrained or collapsed generators make them: flat colours, gradients, and
    noise of many scales; (count, 64, 64, 3) uint8."""
    result = np.empty((count, SIDE_PX, SIDE_PX, 3), np.uint8)
    for i in range(count):
        side = int(rng.choice([1, 2, 4, 8, 16, 32, 64]))
        middle, spread = rng.uniform(0, 255, 3), rng.uniform(5, 100)
        small = clip(rng.normal(middle, spread, (side, side, 3)))
        resampling = Image.Resampling(int(rng.choice([0, 2, 3])))
        result[i] = np.asarray(Image.fromarray(small).resize((SIDE_PX, SIDE_PX), resampling))
    return result
