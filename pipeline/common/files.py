"""Files that appear whole or not at all, and their hashes."""

import errno
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    handle, temporary = _new_temporary(path)
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
    finally:
        os.close(handle)  # and with it goes the lock
    sync(path.parent)


def _new_temporary(path: Path) -> tuple[int, Path]:
    """Return an open, locked new file beside `path`. The lock says that a living process owns it:
    the system frees that of a process that dies."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        # Else `remove_abandoned` of another process came between the two.
        if _lock(handle) is not False and os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Lock an open file; return False where another process holds it, None where the file system
    has no locks."""
    import fcntl  # Linux, macOS and WSL; late, for whoever only reads files elsewhere

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove_abandoned(folders: Iterable[Path]) -> tuple[int, int]:
    """Remove the temporary files of `atomic`, anywhere below the folders, that no living process
    owns: their processes were killed. Return their number and bytes."""
    count = freed_bytes = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                if name.startswith(".") and name.endswith(".tmp"):
                    size = _remove_if_abandoned(Path(place, name))
                    count += size is not None
                    freed_bytes += size or 0
    return count, freed_bytes


def _remove_if_abandoned(path: Path) -> int | None:
    """Return the bytes of the file if it was removed."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # gone by now, or not ours to remove
        return None
    try:
        if not _lock(handle):
            return None
        size = os.fstat(handle).st_size
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)
    return size


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


def sha256(path: Path, first_bytes: int | None = None) -> str:
    """Return the SHA-256 of the file, or of its first bytes alone, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    left_bytes = sys.maxsize if first_bytes is None else first_bytes
    with open(path, "rb") as file:
        while block := file.read(min(_BLOCK_BYTES, left_bytes)):
            digest.update(block)
            left_bytes -= len(block)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which stays behind empty.

    Waits for another process that holds it, after calling `on_wait` once. The system frees the
    lock of a process that dies.
    """
    import fcntl  # late, as in _lock

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        if _lock(file.fileno()) is False:
            on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_or_not(path: Path) -> Iterator[bool]:
    """Hold an exclusive lock on the file `path` if no other process does; yield whether."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        yield bool(_lock(file.fileno()))


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
