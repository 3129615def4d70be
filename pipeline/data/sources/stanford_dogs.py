"""Stanford Dogs (Khosla et al. 2011): two archives from the list of mirrors in params.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common.errors import InputError
from pipeline.data.archives import reader
from pipeline.download import mirrors
from pipeline.download.resumable import Patience

if TYPE_CHECKING:
    from pipeline.config.schema import Data


def write(raw: Path, *, data: "Data", keep: Path, base: Path) -> None:
    """Fetch `annotation.tar` and `images.tar` into the folder `raw`.

    Args:
        keep: folder of partial and finished downloads.
        base: what mirrors that are relative paths are relative to.

    Raises:
        DownloadFailed, DownloadCorrupt, DiskFull: as `mirrors.fetch`.
    """
    patience = Patience(data.timeout_s, data.retries, data.retry_wait_s)
    # The small one first: what is wrong with the network or the disk shows early.
    for name, folder, addresses, sha256 in (
        ("annotation.tar", "Annotation/", data.annotation_mirrors, data.annotation_sha256),
        ("images.tar", "Images/", data.images_mirrors, data.images_sha256),
    ):
        mirrors.fetch(
            addresses,
            raw / name,
            keep=keep,
            base=base,
            sha256=sha256,
            patience=patience,
            check=lambda path, folder=folder: _check(path, folder),
        )


def _check(path: Path, folder: str) -> None:
    """Whole, and the right one of the two."""
    with reader.TarArchive(path) as archive:
        if not any(name.startswith(folder) for name in archive.names):
            raise InputError(f"{path}: no files in {folder} (is it the other archive?)")
