"""What every archive has: safe names, a count of what is left out, reads by many processes."""

import io
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.common.errors import InputError
from pipeline.data.archives import names

# A photo or an annotation is far smaller; what declares more is a bomb or no photo.
MEMBER_LIMIT_BYTES = 64 << 20
# The index is held in memory: about 0.3 KB a member.
MEMBERS_LIMIT = 4_000_000


class ArchiveDamaged(InputError):
    """An archive, or one of its members, is truncated, broken or not of the kind it is named."""


class Archive(ABC):
    """The regular files of one archive, for use in a `with` block.

    Several threads, and processes forked or started with a pickled copy, may read at once: every
    read carries its own position, and a pickled copy opens the file again by its path.

    Attributes:
        path: the archive.
        file: its bytes.
        names: members with safe names, sorted, a leading `./` removed.
        skipped: (name, reason) of each member that is left out: names that `names.fault` refuses,
            links, devices, later duplicates of a name, encrypted members, declared sizes above
            `MEMBER_LIMIT_BYTES`. Folders are neither here nor in `names`.

    Raises:
        ArchiveDamaged: on opening, when the archive is truncated or broken, so that a cut file
            is never taken for an archive with fewer members.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.file = PositionedFile(self.path)
        self._members: dict[str, object] = {}
        skipped: list[tuple[str, str]] = []
        try:
            for count, (raw_name, fault, member) in enumerate(self._scan(), start=1):
                if count > MEMBERS_LIMIT:
                    raise ArchiveDamaged(f"{self.path}: more than {MEMBERS_LIMIT:,} members")
                name = names.normal(raw_name)
                fault = fault or names.fault(raw_name)
                if not fault and name in self._members:
                    fault = "duplicate name"
                if fault:
                    skipped.append((raw_name, fault))
                else:
                    self._members[name] = member
        except BaseException:
            self.close()
            raise
        self.names: tuple[str, ...] = tuple(sorted(self._members))
        self.skipped: tuple[tuple[str, str], ...] = tuple(skipped)

    def read(self, name: str) -> bytes:
        """Return a member's bytes, at most `MEMBER_LIMIT_BYTES`; the archive is not scanned again.

        Raises:
            ArchiveDamaged: the member is cut short, or (zip) fails its checksum.
            KeyError: `name` is not in `names`.
        """
        content, declared = self._read(self._members[name])
        if len(content) != declared:
            raise ArchiveDamaged(
                f"{self.path}: {name} has {len(content)} of its {declared} bytes; "
                "the archive is damaged, fetch it again"
            )
        return content

    def require_files(self) -> None:
        """Check that there is a member to read.

        Raises:
            InputError: there is none; the message says what was left out.
        """
        if not self.names and self.skipped:
            raise InputError(
                f"{self.path}: none of its {len(self.skipped):,} files can be used: "
                f"{self.skipped_summary()}"
            )
        if not self.names:
            raise InputError(f"{self.path}: holds no files")

    def skipped_summary(self) -> str:
        """Return what is left out, as `3 link, 1 unsafe name`, or an empty text."""
        counts = Counter(reason for _, reason in self.skipped)
        return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self.path,)

    @abstractmethod
    def _scan(self) -> Iterator[tuple[str, str | None, object]]:
        """Yield (name as written, reason to skip it or None, what `_read` needs) of each file."""

    @abstractmethod
    def _read(self, member: object) -> tuple[bytes, int]:
        """Return the member's bytes, and how many there should be."""


def size_fault(size: int) -> str | None:
    """Return why a member of that declared size is not taken, or None."""
    return f"over {MEMBER_LIMIT_BYTES >> 20} MiB" if size > MEMBER_LIMIT_BYTES else None


class PositionedFile(io.RawIOBase):
    """A file whose position lives in this object, not in the descriptor, so that forked processes
    that share the descriptor don't move each other; and which never allocates more than is left."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            raise InputError(f"{path}: not found") from None
        self.size = os.fstat(self._descriptor).st_size
        self._position = 0

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`, or what there is of them."""
        size = max(0, min(size, self.size - offset))
        parts = []
        while size and (part := os.pread(self._descriptor, size, offset)):
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read(self, size: int | None = -1) -> bytes:
        limit = self.size if size is None or size < 0 else size
        content = self.read_at(self._position, limit)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (0, self._position, self.size)[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()
