"""Chunks of PNG files and zips as anybody's tool would make them."""

import struct
import zipfile
import zlib
from pathlib import Path

from pipeline.competitions.form import SubmissionFormat
from pipeline.images.shape import ImageShape

# Other competitions' formats, made up: of one channel, and of another side.
SMALL_GREY = SubmissionFormat("small-digits", ImageShape(28, 1), counts=(4, 4), name_digits=3)
LARGE = SubmissionFormat("large-dogs", ImageShape(128, 3), counts=(4, 4), name_digits=5)


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
