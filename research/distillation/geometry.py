"""Geometric corruptions: they change an image's shapes and keep its texture and colours.

Each takes an image, (64, 64, 3) uint8, and a strength in [0, 1], and returns another such image.
"""

import numpy as np
from PIL import Image, ImageFilter

from research.distillation.data import SIDE_PX


def _displaced(image: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return an image whose pixel p is the input's at p + by[:, p], interpolated.

    Args:
        by: (2, 64, 64), rows and columns, in pixels; past the border the image is mirrored.
    """
    from scipy.ndimage import map_coordinates

    places = np.indices((SIDE_PX, SIDE_PX)) + by
    return np.stack(
        [map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)], -1
    )


def warp(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Displace the pixels by a smooth random field of 6x6 cells."""
    from scipy.ndimage import zoom

    grid = zoom(
        rng.normal(0, 0.8 + 5 * strength, (2, 6, 6)), (1, SIDE_PX / 6, SIDE_PX / 6), order=3
    )
    return _displaced(image, grid)


def jumble(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Let some tiles change places: local structure stays, global structure does not."""
    tile = int(rng.choice([8, 16, 32]))
    across = SIDE_PX // tile
    tiles = image.reshape(across, tile, across, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3)
    moved = np.flatnonzero(rng.random(len(tiles)) < 0.2 + 0.8 * strength)
    tiles = tiles.copy()
    tiles[moved] = tiles[rng.permutation(moved)]
    tiles = tiles.reshape(across, across, tile, tile, 3).swapaxes(1, 2)
    return tiles.reshape(SIDE_PX, SIDE_PX, 3)


def swirl(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Turn the image about a point, near it by a larger angle than far from it."""
    centre = rng.uniform(0.3, 0.7, (2, 1, 1)) * SIDE_PX
    y, x = np.indices((SIDE_PX, SIDE_PX)) - centre
    reach = np.hypot(y, x) / (SIDE_PX / 2)
    angle = rng.choice([-1, 1]) * (0.4 + 3 * strength) * np.exp(-(reach**2))
    turned = np.stack(
        [np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x]
    )
    return _displaced(image, turned - np.stack([y, x]))


def melt(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Displace the pixels by a smooth random field of 3x3 to 16x16 cells."""
    from scipy.ndimage import zoom

    cells = int(rng.integers(3, 17))
    reach = SIDE_PX / cells * (0.08 + 0.5 * strength)
    grid = zoom(rng.normal(0, reach, (2, cells, cells)), (1, SIDE_PX / cells, SIDE_PX / cells))
    return _displaced(image, grid[:, :SIDE_PX, :SIDE_PX])


def ripple(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Displace rows and columns by a sine wave each."""
    ways = []
    for axis in np.indices((SIDE_PX, SIDE_PX))[::-1]:
        length = rng.uniform(6, 48)
        height = length * rng.uniform(0, 0.05 + 0.25 * strength)
        ways.append(height * np.sin(2 * np.pi * (axis / length + rng.random())))
    return _displaced(image, np.stack(ways))


def bulge(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Enlarge or shrink the image around one to four points, as lenses do."""
    places = np.indices((SIDE_PX, SIDE_PX))
    by = np.zeros((2, SIDE_PX, SIDE_PX))
    for _ in range(int(rng.integers(1, 5))):
        away = places - rng.uniform(8, 56, (2, 1, 1))
        reach = rng.uniform(6, 24)
        power = rng.choice([-0.8, 1.5]) * (0.2 + 0.8 * strength)
        by += power * away * np.exp(-(away**2).sum(0) / reach**2)
    return _displaced(image, by)


def frost(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Take each pixel from a random place near it, as frosted glass does."""
    reach = 1 + 5 * strength
    return _displaced(image, rng.uniform(-reach, reach, (2, SIDE_PX, SIDE_PX)))


def smear(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Filter with the median over squares."""
    size = 3 + 2 * int(3.99 * strength)
    return np.asarray(Image.fromarray(image).filter(ImageFilter.MedianFilter(size)))


def tear(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Shift each row (or column) by a random walk from the one before."""
    slips = np.cumsum(rng.normal(0, 0.3 + 2.5 * strength, SIDE_PX))
    by = np.zeros((2, SIDE_PX, SIDE_PX))
    if rng.random() < 0.5:
        by[1] = (slips - slips.mean())[:, None]
    else:
        by[0] = (slips - slips.mean())[None]
    return _displaced(image, by)


def fade(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blur the image in some places and leave it sharp in others."""
    from scipy.ndimage import zoom

    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1 + 5 * strength)))
    cells = int(rng.integers(2, 9))
    mask = zoom(rng.normal(0, 2, (cells, cells)), SIDE_PX / cells, order=1)
    mask = np.clip(mask[:SIDE_PX, :SIDE_PX] + 0.5, 0, 1)[..., None]
    return np.rint(image * (1 - mask) + blurred * mask).astype(np.uint8)
