"""IDX, the file format of MNIST (LeCun, Cortes and Burges): a big-endian header, then bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.common.errors import InputError

_UNSIGNED_BYTES = 0x08
_GZIP = b"\x1f\x8b"
_LIMIT_BYTES = 256 << 20  # five times MNIST's


def read(path: Path, *, dimensions: int) -> np.ndarray:
    """Return the array of an IDX file of unsigned bytes, gzipped or not.

    No more is read, or inflated, than the file's header says and one byte, and that is at most
    256 MiB.

    Args:
        dimensions: how many the array must have: 3 for images, 1 for labels.

    Raises:
        InputError: it is missing, damaged, or holds something else.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if not packed:
                return _array(raw, path, dimensions)
            with gzip.GzipFile(fileobj=raw) as file:
                return _array(file, path, dimensions)
    except FileNotFoundError:
        raise InputError(f"{path}: not there") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cut short or damaged ({error})") from None


def _array(file: BinaryIO, path: Path, dimensions: int) -> np.ndarray:
    size = 4 + 4 * dimensions
    header = file.read(size)
    if header[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)):
        raise InputError(
            f"{path}: magic number 0x{header[:4].hex()}, an IDX file of {dimensions} dimensions "
            f"of bytes has 0x0000{_UNSIGNED_BYTES:02x}{dimensions:02x}"
        )
    if len(header) < size:
        raise InputError(f"{path}: cut short in its header, at {len(header)} of {size} bytes")
    shape = tuple(np.frombuffer(header, ">u4", dimensions, offset=4).tolist())
    count = math.prod(shape)
    words = f"{path}: its header says {' x '.join(map(str, shape))} bytes"
    if count > _LIMIT_BYTES:
        raise InputError(f"{words}, more than {_LIMIT_BYTES >> 20} MiB")
    content = file.read(count + 1)  # to the end, where gzip's checksum is compared
    if len(content) != count:
        held = f"{len(content):,}" if len(content) < count else "more"
        raise InputError(f"{words}, it holds {held}")
    return np.frombuffer(content, np.uint8).reshape(shape)
