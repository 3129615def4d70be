"""Photos and crops to distil and to judge the embedded network with, split by breeds."""

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


def fingerprint(*things: np.ndarray | str) -> str:
    """Twelve digits that tell what a kept file was made from: other inputs, another name."""
    digest = hashlib.sha256()
    for thing in things:
        if isinstance(thing, np.ndarray):
            digest.update(f"{thing.dtype} {thing.shape}".encode())
            digest.update(np.ascontiguousarray(thing).data)
        else:
            digest.update(f"text {len(thing)} {thing}".encode())
    return digest.hexdigest()[:12]


def _shrink(picture: Image.Image, resampling: Image.Resampling) -> np.ndarray:
    return np.asarray(picture.resize((SIDE_PX, SIDE_PX), resampling))
