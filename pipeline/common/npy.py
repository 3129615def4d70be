"""Arrays in NumPy's format whose last bytes are a checksum of all before them.

NumPy reads as many bytes as the header says and looks at no more, so `numpy.load` reads such a file
as any other. A file without the checksum, made elsewhere, is taken as it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from pipeline.common import files
from pipeline.common.errors import InputError

_MARK = b"sha256 "
RECORD_BYTES = len(_MARK) + 64 + 1  # mark, hexadecimal digits, end of line


def write(path: Path, array: np.ndarray) -> None:
    """Write one array, whole or not at all."""
    with files.atomic(path) as temporary:
        with open(temporary, "wb") as file:
            np.save(file, array, allow_pickle=False)
        _append_record(temporary)


@contextmanager
def growing(path: Path, row_shape: tuple[int, ...]) -> Iterator[Callable[[np.ndarray], None]]:
    """Write a uint8 array whose length is known only at the end, without holding it in memory.

    Yields a function that appends rows, (n, *row_shape) uint8. `path` appears whole at the end of
    the block, or not at all.
    """
    count = 0

    def header(file: BinaryIO) -> int:
        shape = (count, *row_shape)
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        return file.tell()

    with files.atomic(path) as temporary:
        with open(temporary, "wb") as file:
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
        _append_record(temporary)


def load(path: Path, *, made_by: str, writable: bool = False) -> np.ndarray:
    """Return the array, read from disk as it is used, after its checksum was compared.

    Args:
        made_by: name of the stage that writes the file.
        writable: whether the caller may write to the array in memory; the file stays as it is.

    Raises:
        InputError: there is no such file; it holds no array, is cut short, or is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: not there; run the {made_by} stage first")
    record = _record(path)
    if record and record != _record_of(path, path.stat().st_size - RECORD_BYTES):
        raise InputError(f"{path}: damaged, its checksum is another; {_cure(made_by)}")
    try:
        # Copy-on-write: the pages are shared by all processes, and torch wants a writable array.
        array = np.load(path, mmap_mode="c" if writable else "r", allow_pickle=False)
    except (ValueError, EOFError, OSError, SyntaxError, TokenError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no whole array ({reason}); {_cure(made_by)}") from None
    if not isinstance(array, np.memmap):
        raise InputError(f"{path}: an archive, not one array; {_cure(made_by)}")
    if path.stat().st_size != array.offset + array.nbytes + len(record):
        raise InputError(f"{path}: damaged, its end is another; {_cure(made_by)}")
    return array


def _append_record(path: Path) -> None:
    record = _record_of(path, path.stat().st_size)
    with open(path, "ab") as file:
        file.write(record)


def _record_of(path: Path, content_bytes: int) -> bytes:
    return _MARK + files.sha256(path, content_bytes).encode() + b"\n"


def _record(path: Path) -> bytes:
    """Return the record at the end of the file, empty where there is none."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - RECORD_BYTES))
        end = file.read()
    return end if end.startswith(_MARK) else b""


def _cure(made_by: str) -> str:
    return f"run the {made_by} stage again, or see `python -m pipeline verify`"
