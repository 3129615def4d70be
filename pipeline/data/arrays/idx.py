"""IDX, the file format of MNIST (LeCun, Cortes and Burges): a big-endian header, then bytes."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from pipeline.common.errors import InputError

_UNSIGNED_BYTES = 0x08
_LIMIT_BYTES = 1 << 30


def read(path: Path, *, dimensions: int) -> np.ndarray:
    """Return the array of an IDX file of unsigned bytes, gzipped or not.

    Args:
        dimensions: how many the array must have: 3 for images, 1 for labels.

    Raises:
        InputError: it is missing, damaged, or holds something else.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = _inflated(content)
    except FileNotFoundError:
        raise InputError(f"{path}: not there") from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"{path}: cut short or damaged ({error})") from None
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise InputError(f"{path}: {len(content)} bytes are no IDX file")
    if content[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)):
        raise InputError(
            f"{path}: magic number 0x{content[:4].hex()}, an IDX file of {dimensions} dimensions "
            f"of bytes has 0x0000{_UNSIGNED_BYTES:02x}{dimensions:02x}"
        )
    shape = tuple(np.frombuffer(content, ">u4", dimensions, offset=4).tolist())
    expected = int(np.prod(shape, dtype=object))
    if len(content) - header != expected:
        raise InputError(
            f"{path}: its header says {' x '.join(map(str, shape))} bytes, it holds "
            f"{len(content) - header:,}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _inflated(content: bytes) -> bytes:
    """Return a gzip file's content, of a size that no bomb has."""
    inflater = zlib.decompressobj(wbits=31)
    found = inflater.decompress(content, _LIMIT_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError(f"inflates to more than {_LIMIT_BYTES >> 20} MiB")
    if not inflater.eof:
        raise EOFError("the gzip stream ends early")
    return found
