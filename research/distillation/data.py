"""Photos and crops to train and to evaluate the embedded network with, split by breed."""

import hashlib
import io
import tarfile
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE_PX = 64
# Pillow's resampling filters, all of them antialiased when they shrink: nobody knows which one a
# user's images went through, so the network sees each.
FILTERS = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
MIN_SIDE_PX = 16  # of a box's square
HELD_OUT_EVERY = 5  # every fifth breed is not trained on: 24 of 120
VALIDATION_EVERY = 3  # and every third of those is kept for choosing between recipes: 8


@dataclass(frozen=True)
class LabelledImages:
    """Images and the breed of each.

    Attributes:
        images: (N, 64, 64, 3) uint8.
        breeds: (N,) int64, the breed's rank in alphabetical order.
    """

    images: np.ndarray
    breeds: np.ndarray

    def of(self, *parts: str) -> "LabelledImages":
        """Return those whose breed is in one of the parts: "training" (96 breeds of 120),
        "validation" (8), "test" (16)."""
        rank, last = np.divmod(self.breeds, HELD_OUT_EVERY)
        held_out = np.where(rank % VALIDATION_EVERY == 0, "validation", "test")
        part = np.where(last == HELD_OUT_EVERY - 1, held_out, "training")
        keep = np.isin(part, parts)
        return LabelledImages(self.images[keep], self.breeds[keep])


def read_dogs(folder: Path) -> tuple[LabelledImages, LabelledImages]:
    """Return whole photos squashed to 64x64, and a square crop for each box, in the archives'
    order.

    Args:
        folder: holds images.tar and annotation.tar in the layout of Stanford Dogs.
    """
    boxes = _read_boxes(folder / "annotation.tar")
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
            for box in boxes.get(path.stem, []):
                left, top, right, bottom = _square(box, photo.width, photo.height)
                if min(right - left, bottom - top) >= MIN_SIDE_PX:
                    crop = photo.crop((left, top, right, bottom))
                    crops.append(_shrink(crop, FILTERS[len(crops) % len(FILTERS)]))
                    crop_breeds.append(breed)
    return (
        LabelledImages(np.stack(photos), np.array(photo_breeds)),
        LabelledImages(np.stack(crops), np.array(crop_breeds)),
    )


def _read_boxes(path: Path) -> dict[str, list[tuple[int, ...]]]:
    """Return the boxes of each photo, as (left, top, right, bottom) in its pixels."""
    boxes = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                tree = ElementTree.parse(archive.extractfile(member))
                boxes[Path(member.name).name] = [
                    tuple(int(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
                    for box in tree.iter("bndbox")
                ]
    return boxes


def _square(box: tuple[int, ...], width: int, height: int) -> tuple[int, int, int, int]:
    """Return the square around a box, cut off at the photo's edges."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(width, round(x + half)),
        min(height, round(y + half)),
    )


def _shrink(image: Image.Image, resampling: Image.Resampling) -> np.ndarray:
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), resampling))


def rng_for(stream: str) -> np.random.Generator:
    """Return a random generator of its own for each thing that is made, whatever else is made
    before it. The names of the streams belong to the shipped network: another name is another
    seed."""
    return np.random.default_rng(zlib.crc32(stream.encode()))


def fingerprint(*things: np.ndarray | str) -> str:
    """Return twelve digits that tell what a kept file was made from: they differ for other
    inputs."""
    digest = hashlib.sha256()
    for thing in things:
        if isinstance(thing, np.ndarray):
            digest.update(f"{thing.dtype} {thing.shape}".encode())
            digest.update(np.ascontiguousarray(thing).data)
        else:
            digest.update(f"text {len(thing)} {thing}".encode())
    return digest.hexdigest()[:12]
