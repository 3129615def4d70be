"""Embed images in a page: arrays and files as data URIs of bounded size."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images import arrays

GAP = 128  # grey between the images of a grid, for light and dark pages


@dataclass(frozen=True)
class EmbeddedImage:
    """An image element: its data URI, size in pixels, text for those who cannot see it, caption."""

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""


def embed(image: Image.Image, *, max_bytes: int, alt: str, caption: str = "") -> EmbeddedImage:
    """Encode as WebP in the best quality that stays within `max_bytes`, halving the image where
    none does, so that a page's size is bounded whatever a run leaves."""
    image = image.convert("RGB")
    while True:
        for quality in (86, 65):
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=4)
            if buffer.tell() <= max_bytes:
                uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
                return EmbeddedImage(uri, image.width, image.height, alt, caption)
        half = (max(1, image.width // 2), max(1, image.height // 2))
        image = image.resize(half, Image.Resampling.LANCZOS)


def embed_grid(
    array: np.ndarray, columns: int, *, max_bytes: int, alt: str, caption: str = ""
) -> EmbeddedImage:
    """Embed images (N, side, side, channels) uint8 as one grid, row by row."""
    sheet = arrays.to_pillow(arrays.grid(array, columns, gap=GAP))
    return embed(sheet, max_bytes=max_bytes, alt=alt, caption=caption)


def embed_gif(content: bytes, *, alt: str) -> EmbeddedImage:
    """Embed the bytes of a GIF as they are."""
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
    uri = "data:image/gif;base64," + base64.b64encode(content).decode()
    return EmbeddedImage(uri, width, height, alt)


def embed_file(path: Path, *, max_bytes: int, alt: str, caption: str = "") -> EmbeddedImage | None:
    """Embed an image file; return None where it is missing or broken."""
    try:
        with Image.open(path) as image:
            image.load()
            return embed(image, max_bytes=max_bytes, alt=alt, caption=caption)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def spread(array: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` of the images, evenly spaced, the first among them."""
    count = min(count, len(array))
    return np.asarray(array[np.arange(count) * len(array) // count])
