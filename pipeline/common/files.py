"""Files that appear whole or not at all, and their hashes."""

import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline.common.errors import PipelineError

_BLOCK_BYTES = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota used up, file too large


class DiskFull(PipelineError):
    """The disk has no room for what a stage is about to write."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, on error it is removed.

    The file is flushed to disk before it is renamed, so that after a power cut `path` holds the
    old bytes or the new ones, never half of either.

    Raises:
        DiskFull: there is no room.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        sync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise DiskFull(f"{path}: {error.strerror}; make room and run again") from error
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if path.is_file():  # some file systems cannot sync a folder; a file must be synced
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` as UTF-8 with Unix line ends, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, keys as given.

    Raises:
        ValueError: a value is NaN or infinite, which is no JSON and breaks DVC's metrics.
    """
    for key, value in content.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{path.name}: {key} is {value}, which JSON cannot hold")
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write one array in NumPy's format, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def sha256(path: Path) -> str:
    """Return the file's SHA-256 as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which stays behind empty.

    Waits for another process that holds it, after calling `on_wait` once. The system frees the
    lock of a process that dies.
    """
    import fcntl  # Linux, macOS and WSL; late, for whoever only reads files elsewhere

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Check that the file system of `folder` (which exists) can take `needed_bytes` more.

    Raises:
        DiskFull: it can't; the message says how much is missing.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFull(
            f"{folder}: {what} needs {needed_bytes / 1e6:,.1f} MB, {free_bytes / 1e6:,.1f} MB are "
            f"free: make room for {(needed_bytes - free_bytes) / 1e6:,.1f} MB more"
        )


@contextmanager
def growing_npy(path: Path, row_shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """Write a uint8 array whose length is known only at the end, without holding it in memory.

    Yields a function that appends rows, (n, *row_shape) uint8. `path` appears whole at the end of
    the block, in NumPy's format, or not at all.
    """
    count = 0

    def header(file: BinaryIO) -> int:
        shape = (count, *row_shape)
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        return file.tell()

    with atomic(path) as temporary, open(temporary, "wb") as file:
        header_bytes = header(file)  # NumPy leaves space in it for the length to grow

        def append(rows: np.ndarray) -> None:
            nonlocal count
            assert rows.dtype == np.uint8 and rows.shape[1:] == row_shape
            file.write(np.ascontiguousarray(rows))
            count += len(rows)

        yield append
        file.seek(0)
        if header(file) != header_bytes:
            raise ValueError(f"{path}: {count} rows don't fit the header")
