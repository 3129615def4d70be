"""What goes wrong with pictures: damage of many kinds, and near-copies."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from research.distillation.data import SIDE_PX
from research.distillation.shapes import (
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


def clip(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# --- what goes wrong: each takes one (64, 64, 3) uint8 picture and a strength in [0, 1] -----------
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
    """The mark of transposed convolutions (Odena et al. 2016), period 2, 4 or 8."""
    period = int(rng.choice([2, 4, 8]))
    y, x = np.indices((SIDE_PX, SIDE_PX)) // (period // 2)
    sign = ((x + y) % 2 * 2 - 1)[..., None] * rng.uniform(0.5, 1, 3)
    return clip(image + (4 + 56 * strength) * sign)


def pixelate(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    side = round(48 - 42 * strength)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((SIDE_PX, SIDE_PX), Image.Resampling(int(rng.choice([0, 2])))))


def blend(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """A ghost of another picture: what an undecided generator draws."""
    return clip(image * (1 - 0.5 * strength) + other * 0.5 * strength)


def patchwork(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """Tiles from another picture: right texture, wrong structure."""
    tile = int(rng.choice([8, 16, 32]))
    mask = rng.random((SIDE_PX // tile, SIDE_PX // tile)) < 0.1 + 0.4 * strength
    mask = mask.repeat(tile, 0).repeat(tile, 1)[..., None]
    return np.where(mask, other, image)


def hybrid(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """The grain of one picture on the coarse shapes of another (Oliva et al. 2006)."""
    radius = 1 + 5 * strength
    coarse, theirs = (
        np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(radius)), np.float32)
        for each in (image, other)
    )
    return clip(coarse + other - theirs)


def posterise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    levels = round(24 - 21 * strength)
    return clip(np.rint(image / 255 * (levels - 1)) * 255 / (levels - 1))


def erase(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Rectangles of one colour: collapsed regions."""
    image = image.copy()
    for _ in range(1 + int(3 * strength)):
        size = rng.integers(6, 12 + 28 * strength, 2)
        y, x = rng.integers(0, SIDE_PX - size + 1)
        image[y : y + size[0], x : x + size[1]] = rng.integers(0, 256, 3)
    return image


def streaks(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Motion blur along a row or a column."""
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(image, 3 + int(16 * strength), axis=int(rng.integers(2)))


def fringe(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The three colours printed apart from each other."""
    reach = 1 + int(6 * strength)
    moves = rng.integers(-reach, reach + 1, (3, 2))
    return np.stack([np.roll(image[..., c], moves[c], (0, 1)) for c in range(3)], -1)


# --- near-copies: what a network or a cheat makes of a training picture --------------------------
def zoom_in(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A crop of the picture, scaled back to 64x64; takes away up to 40 % of the side."""
    side = round(SIDE_PX * (1 - 0.05 - 0.35 * strength))
    x, y = rng.integers(0, SIDE_PX - side + 1, 2)
    window = Image.fromarray(image).crop((x, y, x + side, y + side))
    return np.asarray(window.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))


def shift(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    reach = 1 + int(9 * strength)
    y, x = rng.integers(-reach, reach + 1, 2)
    pad = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    return pad[reach + y : reach + y + SIDE_PX, reach + x : reach + x + SIDE_PX]


def flip(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return image[:, ::-1]


# Trained on.
CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (
        blur, noise, jpeg, colour_cast, saturation, contrast, checkerboard, pixelate, blend,
        patchwork, zoom_in, shift, flip,
    )
}  # fmt: skip
# Trained on too, on their own: what keeps the texture and spoils the shape.
DEFORMATIONS: dict[str, Callable[..., np.ndarray]] = {"warp": warp, "jumble": jumble}
# And so are these, of which there are more.
MELTED: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (melt, ripple, bulge, frost, smear, tear, fade, hybrid)
}
# Kept for judging: kinds that the network never saw.
UNSEEN_CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function for function in (swirl, posterise, erase, fringe)
}
_NEEDS_OTHER = {"blend", "patchwork", "hybrid"}


def corrupt(
    images: np.ndarray, kind: str, strength: float | None, rng: np.random.Generator
) -> np.ndarray:
    """Each picture corrupted; strength None draws one in [0, 1] for each."""
    function = (CORRUPTIONS | DEFORMATIONS | MELTED | UNSEEN_CORRUPTIONS)[kind]
    result = np.empty_like(images)
    for i, image in enumerate(images):
        how_much = rng.random() if strength is None else strength
        other = (images[rng.integers(len(images))],) if kind in _NEEDS_OTHER else ()
        result[i] = function(image, how_much, rng, *other)
    return result


def degenerate(count: int, rng: np.random.Generator) -> np.ndarray:
    """What untrained or collapsed generators give: flat colours, gradients, noise of any grain."""
    result = np.empty((count, SIDE_PX, SIDE_PX, 3), np.uint8)
    for i in range(count):
        side = int(rng.choice([1, 2, 4, 8, 16, 32, 64]))
        middle, spread = rng.uniform(0, 255, 3), rng.uniform(5, 100)
        small = clip(rng.normal(middle, spread, (side, side, 3)))
        resampling = Image.Resampling(int(rng.choice([0, 2, 3])))
        result[i] = np.asarray(Image.fromarray(small).resize((SIDE_PX, SIDE_PX), resampling))
    return result
