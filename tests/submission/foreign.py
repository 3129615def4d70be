"""Samples, PNG files and zips as anybody's tool would make them."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.competitions.form import SubmissionFormat
from pipeline.images.shape import ImageShape

# Other competitions' formats, made up: of one channel, and of another side.
SMALL_GREY = SubmissionFormat("small-digits", ImageShape(28, 1), counts=(4, 4), name_digits=3)
LARGE = SubmissionFormat("large-dogs", ImageShape(128, 3), counts=(4, 4), name_digits=5)


def samples(count: int, side_px: int = 64, channels: int = 3) -> np.ndarray:
    """Noise, (count, side, side, channels) uint8."""
    shape = (count, side_px, side_px, channels)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def encoded(image: np.ndarray, kind: str = "png", **options: object) -> bytes:
    """A file of the image, by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def write(path: Path, entries: dict[str, bytes], **options: int) -> Path:
    """A zip of these entries."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path
