"""Pictures whose shapes are spoilt while their grain and colours are kept, and imagined ones."""

import numpy as np
from PIL import Image, ImageFilter

from research.distillation.data import SIDE_PX

_COMPONENTS = 400  # of the photos' principal ones: nine tenths of their variance


def _displaced(image: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Each pixel from where `by`, (2, 64, 64) in pixels, points; mirrored at the border."""
    from scipy.ndimage import map_coordinates

    places = np.indices((SIDE_PX, SIDE_PX)) + by
    return np.stack(
        [map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)], -1
    )


def warp(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random displacement: melted shapes."""
    from scipy.ndimage import zoom

    grid = zoom(
        rng.normal(0, 0.8 + 5 * strength, (2, 6, 6)), (1, SIDE_PX / 6, SIDE_PX / 6), order=3
    )
    return _displaced(image, grid)


def jumble(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Some tiles change places: right parts, wrong places."""
    tile = int(rng.choice([8, 16, 32]))
    across = SIDE_PX // tile
    tiles = image.reshape(across, tile, across, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3)
    moved = np.flatnonzero(rng.random(len(tiles)) < 0.2 + 0.8 * strength)
    tiles = tiles.copy()
    tiles[moved] = tiles[rng.permutation(moved)]
    tiles = tiles.reshape(across, across, tile, tile, 3).swapaxes(1, 2)
    return tiles.reshape(SIDE_PX, SIDE_PX, 3)


def swirl(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The picture turned about a point, most of all near it."""
    centre = rng.uniform(0.3, 0.7, (2, 1, 1)) * SIDE_PX
    y, x = np.indices((SIDE_PX, SIDE_PX)) - centre
    reach = np.hypot(y, x) / (SIDE_PX / 2)
    angle = rng.choice([-1, 1]) * (0.4 + 3 * strength) * np.exp(-(reach**2))
    turned = np.stack(
        [np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x]
    )
    return _displaced(image, turned - np.stack([y, x]))


def melt(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random displacement of any grain."""
    from scipy.ndimage import zoom

    cells = int(rng.integers(3, 17))
    reach = SIDE_PX / cells * (0.08 + 0.5 * strength)
    grid = zoom(rng.normal(0, reach, (2, cells, cells)), (1, SIDE_PX / cells, SIDE_PX / cells))
    return _displaced(image, grid[:, :SIDE_PX, :SIDE_PX])


def ripple(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Two waves, each across the other's direction."""
    ways = []
    for axis in np.indices((SIDE_PX, SIDE_PX))[::-1]:
        length = rng.uniform(6, 48)
        height = length * rng.uniform(0, 0.05 + 0.25 * strength)
        ways.append(height * np.sin(2 * np.pi * (axis / length + rng.random())))
    return _displaced(image, np.stack(ways))


def bulge(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Lenses here and there, that enlarge or shrink."""
    places = np.indices((SIDE_PX, SIDE_PX))
    by = np.zeros((2, SIDE_PX, SIDE_PX))
    for _ in range(int(rng.integers(1, 5))):
        away = places - rng.uniform(8, 56, (2, 1, 1))
        reach = rng.uniform(6, 24)
        power = rng.choice([-0.8, 1.5]) * (0.2 + 0.8 * strength)
        by += power * away * np.exp(-(away**2).sum(0) / reach**2)
    return _displaced(image, by)


def frost(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Each pixel from anywhere near: frosted glass."""
    reach = 1 + 5 * strength
    return _displaced(image, rng.uniform(-reach, reach, (2, SIDE_PX, SIDE_PX)))


def smear(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A median over squares: a painter's brush."""
    size = 3 + 2 * int(3.99 * strength)
    return np.asarray(Image.fromarray(image).filter(ImageFilter.MedianFilter(size)))


def tear(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Rows or columns slip, each a little from the one before."""
    slips = np.cumsum(rng.normal(0, 0.3 + 2.5 * strength, SIDE_PX))
    by = np.zeros((2, SIDE_PX, SIDE_PX))
    if rng.random() < 0.5:
        by[1] = (slips - slips.mean())[:, None]
    else:
        by[0] = (slips - slips.mean())[None]
    return _displaced(image, by)


def fade(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Out of focus here, sharp there."""
    from scipy.ndimage import zoom

    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1 + 5 * strength)))
    cells = int(rng.integers(2, 9))
    mask = zoom(rng.normal(0, 2, (cells, cells)), SIDE_PX / cells, order=1)
    mask = np.clip(mask[:SIDE_PX, :SIDE_PX] + 0.5, 0, 1)[..., None]
    return np.rint(image * (1 - mask) + blurred * mask).astype(np.uint8)


def imagined(photos: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pictures made of the photos' principal components: smooth, without a likeness to anything.

    As an untrained autoencoder would draw them: a few to all components, each drawn from the
    normal distribution or taken from a random photo, more or less of it.
    """
    import torch

    torch.manual_seed(int(rng.integers(2**31)))
    rows = torch.from_numpy(photos.reshape(len(photos), -1)).float()
    middle = rows.mean(0)
    components = min(_COMPONENTS, len(photos))
    _, _, directions = torch.svd_lowrank(rows - middle, components, niter=1)
    scores = ((rows - middle) @ directions).numpy()
    spread = scores.std(0)
    made = np.empty((count, components), np.float32)
    for i in range(count):
        drawn = rng.normal(0, spread)
        if rng.random() < 0.5:
            alike = int(rng.choice([1, 5, 25, 100]))  # neighbouring components from one photo
            whose = rng.integers(len(photos), size=_COMPONENTS).reshape(-1, alike)[:, :1]
            whose = np.repeat(whose, alike, 1).reshape(-1)[:components]
            drawn = scores[whose, np.arange(components)]
        kept = np.arange(components) < np.exp(rng.uniform(np.log(4), np.log(_COMPONENTS)))
        made[i] = drawn * kept * rng.uniform(0.5, 1.2)
    pictures = torch.from_numpy(made) @ directions.T + middle
    return pictures.round().clamp(0, 255).to(torch.uint8).numpy().reshape(-1, *photos.shape[1:])
