"""Tar and zip archives read in place: indexed once, any member at random, nothing ever unpacked."""

import io
import os
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline import files
from pipeline.errors import InputError

# A picture or an annotation is far smaller; what declares more is a bomb or no picture.
MEMBER_LIMIT_BYTES = 64 << 20
# The index is held in memory: about 0.3 KB a member.
MEMBERS_LIMIT = 4_000_000

_BLOCK = tarfile.BLOCKSIZE


class ArchiveDamaged(InputError):
    """An archive, or one of its members, is truncated, broken or not of the kind it is named."""


class Archive(ABC):
    """The regular files of one archive, for use in a `with` block.

    Several threads, and processes forked or started with a pickled copy, may read at once: every
    read carries its own position, and a pickled copy opens the file again by its path.

    Attributes:
        path: the archive.
        names: members with safe names, sorted, a leading `./` removed.
        skipped: (name, reason) of each member that is left out: unsafe or hidden names, links,
            devices, later duplicates of a name, encrypted members, declared sizes above
            `MEMBER_LIMIT_BYTES`. Folders are neither here nor in `names`.

    Raises:
        ArchiveDamaged: on opening, when the archive is truncated or broken, so that a cut file
            is never taken for an archive with fewer members.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._file = _PositionedFile(self.path)
        self._members: dict[str, object] = {}
        skipped: list[tuple[str, str]] = []
        try:
            for count, (raw_name, fault, member) in enumerate(self._scan(), start=1):
                if count > MEMBERS_LIMIT:
                    raise ArchiveDamaged(f"{self.path}: more than {MEMBERS_LIMIT:,} members")
                name = _normal(raw_name)
                fault = fault or name_fault(raw_name)
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
        """The member's bytes, at most `MEMBER_LIMIT_BYTES`, without scanning the archive again.

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

    def skipped_summary(self) -> str:
        """`3 link, 1 unsafe name`, or an empty text."""
        counts = Counter(reason for _, reason in self.skipped)
        return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))

    def close(self) -> None:
        self._file.close()

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
        """(name as written, reason to skip it or None, what `_read` needs) of each non-folder."""

    @abstractmethod
    def _read(self, member: object) -> tuple[bytes, int]:
        """The member's bytes, and how many there should be."""


class TarArchive(Archive):
    """An uncompressed tar: a member is a slice of the file."""

    def _scan(self) -> Iterator[tuple[str, str | None, object]]:
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                end = -1
                while (member := tar.next()) is not None:
                    # A negative size would lead tarfile back to the same header for ever.
                    if member.size < 0 or tar.offset <= end:
                        raise ArchiveDamaged(f"{self.path}: broken header at byte {end}")
                    end = tar.offset
                    # tarfile keeps every member it has seen; we keep only offsets.
                    tar.members = []
                    if not member.isdir():
                        yield member.name, _tar_fault(member), (member.offset_data, member.size)
                self._check_end(tar.offset)
        except (tarfile.TarError, RecursionError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise ArchiveDamaged(
                f"{self.path}: not a whole uncompressed tar ({error}); fetch it again"
            ) from None

    def _check_end(self, offset: int) -> None:
        """tarfile stops without a word at a cut between members, at a broken header and at a
        hole; a whole tar ends with blocks of zeros and nothing else."""
        self._file.seek(offset)
        end_mark = self._file.read(_BLOCK)
        if len(end_mark) < _BLOCK:
            raise ArchiveDamaged(f"{self.path}: truncated at byte {offset}; fetch it again")
        while end_mark:
            if end_mark.strip(b"\0"):
                raise ArchiveDamaged(
                    f"{self.path}: broken near byte {offset}, no member follows; fetch it again"
                )
            end_mark = self._file.read(1 << 20)

    def _read(self, member: object) -> tuple[bytes, int]:
        offset, size = member  # type: ignore[misc]
        return self._file.read_at(offset, size), size


class ZipArchive(Archive):
    """A zip, stored or deflated."""

    def _scan(self) -> Iterator[tuple[str, str | None, object]]:
        try:
            self._zip = zipfile.ZipFile(self._file)  # type: ignore[arg-type]
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
            raise ArchiveDamaged(
                f"{self.path}: not a whole zip ({error}); fetch it again"
            ) from None
        for member in self._zip.infolist():
            if not member.is_dir():
                yield member.filename, _zip_fault(member), member

    def _read(self, member: object) -> tuple[bytes, int]:
        assert isinstance(member, zipfile.ZipInfo)
        try:
            # ZipExtFile gives no more than the declared size, and checks the CRC at its end.
            with self._zip.open(member) as file:
                return file.read(), member.file_size
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
            raise ArchiveDamaged(
                f"{self.path}: {member.filename} is damaged ({error}); fetch the archive again"
            ) from None


def open_archive(raw: Path, stem: str) -> Archive:
    """Open `raw/<stem>.tar` or `raw/<stem>.zip`, whichever is there (stem: images, annotation).

    Raises:
        InputError: neither is there, or both.
        ArchiveDamaged: it is truncated or broken.
    """
    found = [path for suffix in ("tar", "zip") if (path := raw / f"{stem}.{suffix}").is_file()]
    if not found:
        raise InputError(f"{raw}: no {stem}.tar or {stem}.zip; run the download stage first")
    if len(found) == 2:
        raise InputError(f"{raw}: {stem}.tar and {stem}.zip are both there; remove one")
    return open_path(found[0])


def open_path(path: Path) -> Archive:
    """Open one archive by its path, as a zip where it is named so, as a tar otherwise."""
    return ZipArchive(path) if path.suffix.lower() == ".zip" else TarArchive(path)


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write (name, content) pairs in their order to an uncompressed tar, whole or not at all.

    The same pairs give the same bytes: time and owner 0, mode 0644, PAX headers only where USTAR
    cannot hold a name.

    Raises:
        ValueError: a name that `Archive` would skip, or one given twice.
    """
    seen = set()
    with (
        files.atomic(path) as temporary,
        open(temporary, "wb", buffering=1 << 20) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in members:
            fault = name_fault(name) or ("duplicate name" if name in seen else None)
            if fault:
                raise ValueError(f"{path.name}: {name!r}: {fault}")
            seen.add(name)
            header = tarfile.TarInfo(name)
            header.size = len(content)
            header.mode = 0o644
            tar.addfile(header, io.BytesIO(content))
            tar.members = []


def name_fault(name: str) -> str | None:
    """Why a member's name is not taken (`unsafe name`, `hidden file`), or None."""
    parts = _normal(name).split("/")
    # A lone surrogate is a byte that is no UTF-8: it could not be written to the index.
    odd = any(ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF for letter in name)
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if name.startswith("/") or "\\" in name or odd or drive or ".." in parts or parts == [""]:
        return "unsafe name"
    if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts):
        return "hidden file"
    return None


def _normal(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _tar_fault(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return "link"
    if not member.isreg():
        return "device"
    if member.issparse():
        return "sparse file"
    return _size_fault(member.size)


def _zip_fault(member: zipfile.ZipInfo) -> str | None:
    # Unix archivers keep the file's mode in the upper half; 0 where there is none.
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "link"
    if kind not in (0, stat.S_IFREG):
        return "device"
    if member.flag_bits & 0x1:
        return "encrypted"
    # Python decompresses the other methods without a bound on what comes out.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compression other than deflate"
    return _size_fault(member.file_size)


def _size_fault(size: int) -> str | None:
    return f"over {MEMBER_LIMIT_BYTES >> 20} MiB" if size > MEMBER_LIMIT_BYTES else None


class _PositionedFile(io.RawIOBase):
    """A file whose position lives in this object, not in the descriptor, so that forked processes
    that share the descriptor don't move each other; and which never allocates more than is left."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            raise InputError(f"{path}: not found") from None
        self._size = os.fstat(self._descriptor).st_size
        self._position = 0

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`, or what there is of them."""
        size = max(0, min(size, self._size - offset))
        parts = []
        while size and (part := os.pread(self._descriptor, size, offset)):
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._size if size is None or size < 0 else size
        content = self.read_at(self._position, wanted)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (0, self._position, self._size)[whence]
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
