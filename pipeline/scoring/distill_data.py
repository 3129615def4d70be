"""Pictures to distil and to judge the embedded network with: photos, crops, and what goes wrong."""

import io
import tarfile
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

SIDE_PX = 64
# Pillow's resampling filters, all of them antialiased when they shrink: nobody knows which one a
# user's pictures went through, so the network sees each.
FILTERS = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
HELD_OUT_EVERY = 5  # every fifth breed is no training material: 24 of 120
VALIDATION_EVERY = 3  # and every third of those is kept for choosing between recipes: 8


@dataclass(frozen=True)
class Pictures:
    """Pictures with the breed of each."""

    images: np.ndarray  # (N, 64, 64, 3) uint8
    breeds: np.ndarray  # (N,) int64, the breed's rank in alphabetical order

    def of(self, *parts: str) -> "Pictures":
        """Those of the breeds for "training" (96 of 120), "validation" (8), "judging" (16)."""
        rank, last = np.divmod(self.breeds, HELD_OUT_EVERY)
        held_out = np.where(rank % VALIDATION_EVERY == 0, "validation", "judging")
        part = np.where(last == HELD_OUT_EVERY - 1, held_out, "training")
        keep = np.isin(part, parts)
        return Pictures(self.images[keep], self.breeds[keep])


def read_dogs(folder: Path) -> tuple[Pictures, Pictures]:
    """Whole photos squashed to 64x64, and one square for each box, in the archives' order.

    Args:
        folder: holds images.tar and annotation.tar in the layout of Stanford Dogs.
    """
    boxes: dict[str, list[tuple[int, ...]]] = {}
    with tarfile.open(folder / "annotation.tar") as archive:
        for member in archive:
            if member.isfile():
                tree = ElementTree.parse(archive.extractfile(member))
                boxes[Path(member.name).name] = [
                    tuple(int(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
                    for box in tree.iter("bndbox")
                ]
    photos, photo_breeds, crops, crop_breeds = [], [], [], []
    ranks: dict[str, int] = {}
    with tarfile.open(folder / "images.tar") as archive:
        for member in archive:
            if not member.isfile():
                continue
            path = Path(member.name)
            breed = ranks.setdefault(path.parent.name, len(ranks))
            photo = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
            photos.append(_shrink(photo, FILTERS[len(photos) % len(FILTERS)]))
            photo_breeds.append(breed)
            for left, top, right, bottom in boxes.get(path.stem, []):
                half = max(right - left, bottom - top) / 2
                x, y = (left + right) / 2, (top + bottom) / 2
                window = (
                    max(0, round(x - half)),
                    max(0, round(y - half)),
                    min(photo.width, round(x + half)),
                    min(photo.height, round(y + half)),
                )
                if min(window[2] - window[0], window[3] - window[1]) >= 16:
                    crop = photo.crop(window)
                    crops.append(_shrink(crop, FILTERS[len(crops) % len(FILTERS)]))
                    crop_breeds.append(breed)
    return (
        Pictures(np.stack(photos), np.array(photo_breeds)),
        Pictures(np.stack(crops), np.array(crop_breeds)),
    )


def rng_for(name: str) -> np.random.Generator:
    """Randomness of its own for each thing that is made, whatever else is made before it."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def _shrink(picture: Image.Image, resampling: Image.Resampling) -> np.ndarray:
    return np.asarray(picture.resize((SIDE_PX, SIDE_PX), resampling))


def _clip(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


# --- what goes wrong: each takes one (64, 64, 3) uint8 picture and a strength in [0, 1] -----------
def blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    radius = 0.4 + 3.6 * strength
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def noise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return _clip(image + rng.normal(0, 4 + 76 * strength, image.shape))


def jpeg(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(80 - 75 * strength))
    return np.asarray(Image.open(buffer))


def colour_cast(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    gain = np.exp(rng.normal(0, 0.05 + 0.5 * strength, 3))
    return _clip(image * gain + rng.normal(0, 50 * strength, 3))


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
    return _clip(image + (4 + 56 * strength) * sign)


def pixelate(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    side = round(48 - 42 * strength)
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((SIDE_PX, SIDE_PX), Image.Resampling(int(rng.choice([0, 2])))))


def blend(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """A ghost of another picture: what an undecided generator draws."""
    return _clip(image * (1 - 0.5 * strength) + other * 0.5 * strength)


def patchwork(image: np.ndarray, strength: float, rng: np.random.Generator, other: np.ndarray):
    """Tiles from another picture: right texture, wrong structure."""
    tile = int(rng.choice([8, 16, 32]))
    mask = rng.random((SIDE_PX // tile, SIDE_PX // tile)) < 0.1 + 0.4 * strength
    mask = mask.repeat(tile, 0).repeat(tile, 1)[..., None]
    return np.where(mask, other, image)


def warp(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random displacement: melted shapes."""
    from scipy.ndimage import map_coordinates, zoom

    grid = zoom(
        rng.normal(0, 0.8 + 5 * strength, (2, 6, 6)), (1, SIDE_PX / 6, SIDE_PX / 6), order=3
    )
    places = np.indices((SIDE_PX, SIDE_PX)) + grid
    return np.stack(
        [map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)], -1
    )


def posterise(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    levels = round(24 - 21 * strength)
    return _clip(np.rint(image / 255 * (levels - 1)) * 255 / (levels - 1))


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
    from scipy.ndimage import map_coordinates

    centre = rng.uniform(0.3, 0.7, (2, 1, 1)) * SIDE_PX
    y, x = np.indices((SIDE_PX, SIDE_PX)) - centre
    reach = np.hypot(y, x) / (SIDE_PX / 2)
    angle = rng.choice([-1, 1]) * (0.4 + 3 * strength) * np.exp(-(reach**2))
    turned = np.stack(
        [np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x]
    )
    places = centre + turned
    return np.stack(
        [map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)], -1
    )


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
# Kept for judging: kinds that the network never saw.
UNSEEN_CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function for function in (swirl, posterise, erase, streaks)
}
_NEEDS_OTHER = {"blend", "patchwork"}


def corrupt(
    images: np.ndarray, kind: str, strength: float | None, rng: np.random.Generator
) -> np.ndarray:
    """Each picture corrupted; strength None draws one in [0, 1] for each."""
    function = (CORRUPTIONS | DEFORMATIONS | UNSEEN_CORRUPTIONS)[kind]
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
        small = _clip(rng.normal(middle, spread, (side, side, 3)))
        resampling = Image.Resampling(int(rng.choice([0, 2, 3])))
        result[i] = np.asarray(Image.fromarray(small).resize((SIDE_PX, SIDE_PX), resampling))
    return result
