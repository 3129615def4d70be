"""Files of `torch.save`: a full disk keeps its name, and damage is noticed, for which torch's own
reader does not look."""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.common.errors import PipelineError

# What the two readers raise on damaged files, and on bytes that are no such file at all.
_UNREADABLE = (
    RuntimeError,
    OSError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    struct.error,
    zlib.error,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


class DamagedFile(PipelineError):
    """A file that is cut short, damaged, or not of torch's format. The message is the reason."""


class _Target:
    """What torch writes to. It reports any failed write as an error of its own kind; this keeps
    the system's."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


def save(path: Path, content: Any) -> None:
    """Write what `load` reads; the same bytes whatever the file's name.

    Raises:
        OSError: the system's reason why it cannot be written.
    """
    import torch  # late: `check` does without it

    # Into an open file: given a name, torch.save writes that name into the archive.
    with open(path, "wb") as file:
        target = _Target(file)
        try:
            torch.save(content, target)
        except RuntimeError:
            if target.error is None:
                raise
            raise target.error from None


def check(path: Path) -> None:
    """Compare the checksum of each part of the file.

    Raises:
        DamagedFile: one is another, or the file is no whole archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except _UNREADABLE as error:
        raise DamagedFile(_reason(error)) from None
    if broken is not None:
        raise DamagedFile(f"the checksum of its part {broken} is another")


def load(path: Path) -> Any:
    """Return the content, its tensors on the CPU. Nothing but tensors and plain values is read.

    Raises:
        DamagedFile: as `check`, or torch cannot read it.
    """
    import torch

    check(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise DamagedFile(_reason(error)) from None


def _reason(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:120]
