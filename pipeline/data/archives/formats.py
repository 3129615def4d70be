"""The two kinds of archive, tar and zip: where the members lie and how one is read."""

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from pipeline.common.errors import InputError
from pipeline.data.archives import contents
from pipeline.data.archives.base import Archive, ArchiveDamaged, size_fault

# PKWARE's APPNOTE.TXT, 4.4.4 and 4.4.5.
_UTF8_FLAG = 0x800
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_OCTAL = re.compile(rb"[0-7]+")

_BLOCK = tarfile.BLOCKSIZE
# Writers fill the last record with zeros: 10 KB as a rule. More is a download that reserved its
# space and did not come to its end.
_PADDING_LIMIT_BYTES = 1 << 20


class TarArchive(Archive):
    """An uncompressed tar: a member is a slice of the file."""

    def _scan(self) -> Iterator[tuple[str, str | None, object]]:
        # tarfile takes 15 us a header, three times what plain ones need, and each process that
        # opens the archive pays: it gets what comes after the first header that is not plain.
        offset = 0
        while (plain := self._plain_header(offset)) is not None:
            name, size = plain
            yield name, size_fault(size), (offset + _BLOCK, size)
            offset += _BLOCK + -(-size // _BLOCK) * _BLOCK
        yield from self._scan_rest(offset)

    def _plain_header(self, offset: int) -> tuple[str, int] | None:
        """Return name and size of the regular file whose header is at `offset`, in the one form
        that USTAR, PAX and GNU writers share for short names; None for any other header, and at
        the end."""
        header = self.file.read_at(offset, _BLOCK)
        size, checksum = header[124:135], header[148:154]
        if (
            header[156:157] != tarfile.REGTYPE
            or header[257:262] != b"ustar"
            or header[135:136] not in (b"\0", b" ")
            or header[154:156] != b"\0 "
            or header[345:500].strip(b"\0")  # the front part of a long name
            or not (_OCTAL.fullmatch(size) and _OCTAL.fullmatch(checksum))
            or sum(header) - sum(header[148:156]) + 8 * ord(" ") != int(checksum, 8)
        ):
            return None
        return header[:100].partition(b"\0")[0].decode("utf-8", "surrogateescape"), int(size, 8)

    def _scan_rest(self, offset: int) -> Iterator[tuple[str, str | None, object]]:
        self.file.seek(offset)
        try:
            with tarfile.open(fileobj=self.file, mode="r:", encoding="utf-8") as tar:
                end = -1
                while (member := tar.next()) is not None:
                    # A negative size would lead tarfile back to the same header for ever.
                    if tar.offset <= end:
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
                f"{self.path}: not a whole uncompressed tar "
                + contents.fault(self.file, expected="tar", error=error)
            ) from None

    def _check_end(self, offset: int) -> None:
        """Check what follows the last member: a whole tar ends with blocks of zeros and nothing
        else, and with few of them. tarfile stops without a word at a cut between members, at a
        broken header and at a hole."""
        self.file.seek(offset)
        zeros = 0
        while block := self.file.read(_PADDING_LIMIT_BYTES):
            if block.strip(b"\0"):
                raise ArchiveDamaged(
                    f"{self.path}: broken near byte {offset}, no member follows; fetch it again"
                )
            zeros += len(block)
        if zeros < _BLOCK:
            raise ArchiveDamaged(
                f"{self.path}: truncated, it has more than its {self.file.size:,} bytes; "
                "fetch it again"
            )
        if zeros == self.file.size:
            # `write_tar` never writes this; a disk or a download that failed leaves it.
            raise ArchiveDamaged(f"{self.path}: only zeros, no archive; fetch it again")
        if zeros > _PADDING_LIMIT_BYTES:
            raise ArchiveDamaged(
                f"{self.path}: only zeros from byte {offset} on, the rest never came; "
                "fetch it again"
            )

    def _read(self, member: object) -> tuple[bytes, int]:
        offset, size = member  # type: ignore[misc]
        return self.file.read_at(offset, size), size


class ZipArchive(Archive):
    """A zip, stored or deflated."""

    def _scan(self) -> Iterator[tuple[str, str | None, object]]:
        try:
            self._zip = zipfile.ZipFile(self.file)  # type: ignore[arg-type]
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
            raise ArchiveDamaged(
                f"{self.path}: not a whole zip "
                + contents.fault(self.file, expected="zip", error=error)
            ) from None
        members = [(_zip_name(member), member) for member in self._zip.infolist()]
        if any("\\" in name for name, _ in members) and not any("/" in name for name, _ in members):
            # Old programs on Windows write their own separator, against APPNOTE 4.4.17.
            members = [(name.replace("\\", "/"), member) for name, member in members]
        for name, member in members:
            if not name.endswith("/"):
                yield name, _zip_fault(member), member

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


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name, also where a program wrote UTF-8 without saying so (APPNOTE, appendix
    D): Python reads that as cp437, in which any bytes are text."""
    if member.flag_bits & _UTF8_FLAG:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _tar_fault(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return "link"
    if not member.isreg():
        return "device"
    if member.issparse():
        return "sparse file"
    return size_fault(member.size)


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
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        return f"compressed by {method} (only deflate is read: unpack the archive)"
    return size_fault(member.file_size)
