"""Stanford Dogs (Khosla et al. 2011): two archives from the list of mirrors in params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common.errors import InputError
from pipeline.common.section import Section, Sha256, Texts
from pipeline.data.archives import reader

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

IS_OWN_WORK = False


class Parameters(Section):
    """The sub-section `data.stanford_dogs`."""

    images_mirrors: Texts
    images_sha256: Sha256 | None
    annotation_mirrors: Texts
    annotation_sha256: Sha256 | None


def write(request: Request, parameters: Parameters) -> None:
    """Fetch `annotation.tar` and `images.tar` from the first mirror that gives them.

    Raises:
        DownloadFailed, DownloadCorrupt, DiskFull: as `mirrors.fetch`.
    """
    from pipeline.download import mirrors
    from pipeline.download.retry import RetryPolicy

    policy = RetryPolicy(request.timeout_s, request.retries, request.retry_wait_s)
    # The small one first: what is wrong with the network or the disk shows early.
    for name, folder, addresses, sha256 in (
        (
            "annotation.tar",
            "Annotation/",
            parameters.annotation_mirrors,
            parameters.annotation_sha256,
        ),
        ("images.tar", "Images/", parameters.images_mirrors, parameters.images_sha256),
    ):
        mirrors.fetch(
            addresses,
            request.raw / name,
            keep=request.downloads,
            base=request.root,
            sha256=sha256,
            policy=policy,
            check=lambda path, folder=folder: _check(path, folder),
        )


def _check(path: Path, folder: str) -> None:
    """Check that an archive is whole, and the right one of the two: a folder of its members is
    called `folder`, in any case.

    Raises:
        ArchiveDamaged: it is not whole.
        InputError: it is another one.
    """
    with reader.TarArchive(path) as archive:
        archive.require_files()
        if not any(f"/{folder}".lower() in f"/{name}".lower() for name in archive.names):
            tops = sorted({name.split("/")[0] for name in archive.names})
            found = ", ".join(tops[:3]) + (" …" if len(tops) > 3 else "")
            raise InputError(
                f"{path}: no files in {folder} (is it the other archive?); it holds {found}"
            )
