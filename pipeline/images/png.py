"""Encode many small images as PNG on all cores, the same bytes wherever they are written.

Pillow would do, at half the speed: it picks a filter for each row by trial. Here every row takes
PNG's Paeth filter, computed for a block of images at once; zlib then runs outside Python's lock.
Measured on 64x64 photos: 0.5 % larger files than Pillow's.
"""

import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np

from pipeline.common import cores

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PAETH = 4
COLOUR_TYPES = {1: 0, 3: 2}  # grey and RGB, by the number of channels
_BLOCK_IMAGES = 64  # filtered at once: 64 images of 64x64 keep the int16 work in the cache


def encode(images: np.ndarray) -> Iterator[bytes]:
    """Yield the PNG file of each image, in order.

    Args:
        images: (N, height, width, channels) uint8, grey (1 channel) or RGB (3).
    """
    assert images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] in COLOUR_TYPES
    blocks = (images[i : i + _BLOCK_IMAGES] for i in range(0, len(images), _BLOCK_IMAGES))
    with ThreadPoolExecutor(cores.usable()) as pool:
        yield from chain.from_iterable(pool.map(_encode_block, blocks))


def data_bytes(content: bytes, *, at_most: int) -> int:
    """Check the checksum of each chunk of a PNG file, and inflate its pixels.

    Returns:
        The number of bytes that the pixel data inflate to, filter bytes included; at most
        `at_most`.

    Raises:
        ValueError: a chunk is cut short or damaged, or the data or the file's end are missing.
        zlib.error: the pixel data are damaged.
    """
    inflater = zlib.decompressobj()
    size, kind, start = 0, b"", len(SIGNATURE)
    while kind != b"IEND":
        length = int.from_bytes(content[start : start + 4], "big")
        kind = content[start + 4 : start + 8]
        end = start + 8 + length
        if end + 4 > len(content):
            raise ValueError("cut short")
        if zlib.crc32(content[start + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            raise ValueError(f"chunk {kind!r} is damaged")
        if kind == b"IDAT":
            size += len(inflater.decompress(content[start + 8 : end], max(1, at_most - size)))
        start = end + 4
    if not inflater.eof:
        raise ValueError("pixel data are incomplete")
    return size


def _encode_block(images: np.ndarray) -> list[bytes]:
    _, height, width, channels = images.shape
    # 8 bits a channel, deflate, adaptive filters, not interlaced.
    fields = (width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))
    return [
        SIGNATURE + header + _chunk(b"IDAT", _deflate(rows)) + _chunk(b"IEND", b"")
        for rows in _paeth_rows(images)
    ]


def _paeth_rows(images: np.ndarray) -> np.ndarray:
    """Return images filtered by PNG's Paeth predictor (PNG specification, 9.4).

    Returns:
        (N, height, 1 + channels·width) uint8: each row's filter number, then its differences.
    """
    count, height, width, channels = images.shape
    padded = np.zeros((count, height + 1, width + 1, channels), np.int16)
    padded[:, 1:, 1:] = images
    left, above, corner = padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1]
    # With p = left + above - corner, the distances |p - left|, |p - above|, |p - corner|:
    to_left = np.abs(above - corner)
    to_above = np.abs(left - corner)
    to_corner = np.abs(left + above - 2 * corner)
    predicted = np.where(
        (to_left <= to_above) & (to_left <= to_corner),
        left,
        np.where(to_above <= to_corner, above, corner),
    )
    rows = np.empty((count, height, 1 + channels * width), np.uint8)
    rows[:, :, 0] = _PAETH
    differences = images - predicted.astype(np.uint8)  # uint8 wraps round, as PNG wants
    rows[:, :, 1:] = differences.reshape(count, height, channels * width)
    return rows


def _deflate(rows: np.ndarray) -> bytes:
    # zlib made Z_RLE for filtered PNG rows: 0.7 % larger than its slowest setting, in 3/4 the time.
    deflater = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return deflater.compress(rows) + deflater.flush()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
