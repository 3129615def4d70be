"""Tar and zip archives read in place: indexed once, any member at random, nothing ever unpacked."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.common import checksums, files
from pipeline.common.errors import InputError
from pipeline.data.archives import names
from pipeline.data.archives.base import MEMBER_LIMIT_BYTES, Archive, ArchiveDamaged
from pipeline.data.archives.formats import TarArchive, ZipArchive

__all__ = [
    "MEMBER_LIMIT_BYTES",
    "Archive",
    "ArchiveDamaged",
    "TarArchive",
    "ZipArchive",
    "open_archive",
    "open_path",
    "write_tar",
]


def open_archive(raw: Path, stem: str) -> Archive:
    """Return `raw/<stem>.tar` or `.zip` opened, whichever is there (stem: images, annotation), its
    checksum compared.

    Raises:
        InputError: neither is there, or both, or it is not what the download stage made.
        ArchiveDamaged: it is truncated or broken.
    """
    found = [path for suffix in ("tar", "zip") if (path := raw / f"{stem}.{suffix}").is_file()]
    if not found:
        raise InputError(f"{raw}: no {stem}.tar or {stem}.zip; run the download stage first")
    if len(found) == 2:
        raise InputError(f"{raw}: {stem}.tar and {stem}.zip are both there; remove one")
    checksums.require(found[0], made_by="download")
    return open_path(found[0])


def open_path(path: Path) -> Archive:
    """Return one archive opened by its path, as a zip where it is named so, else as a tar."""
    return ZipArchive(path) if path.suffix.lower() == ".zip" else TarArchive(path)


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write (name, content) pairs in their order to an uncompressed tar, whole or not at all.

    The same pairs give the same bytes: time and owner 0, mode 0644, PAX headers only where USTAR
    cannot hold a name. Without any pair the archive holds one empty folder.

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
            fault = names.fault(name) or ("duplicate name" if name in seen else None)
            if fault:
                raise ValueError(f"{path.name}: {name!r}: {fault}")
            seen.add(name)
            header = tarfile.TarInfo(name)
            header.size = len(content)
            header.mode = 0o644
            tar.addfile(header, io.BytesIO(content))
            tar.members = []
        if not seen:
            # Zeros alone would be what a disk that failed leaves.
            folder = tarfile.TarInfo("empty")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
