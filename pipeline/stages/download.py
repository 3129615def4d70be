"""Stage `download`: fetch or draw the images into data/raw, as two archives or as arrays."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import checksums, files
from pipeline.common.paths import Paths
from pipeline.common.progress import heading, say, timed
from pipeline.data.archives import reader
from pipeline.data.arrays.raw import RawArrays
from pipeline.data.sources.registry import SOURCES, section_name
from pipeline.data.sources.source import Request

if TYPE_CHECKING:
    from pipeline.config.schema import Data

SECTIONS = ("data", "competition")


def run(paths: Paths, *, data: "Data", competition: str) -> None:
    """Fill `data/raw` with images.tar|.zip and annotation.tar|.zip, or with labelled arrays, whole
    or not at all.

    They are made in a folder beside it, which takes its place once it is complete and readable.
    Beside the archives lies `sha256.json`, since a tar has no checksum of its members' bytes;
    arrays carry their own.

    Raises:
        InputError: the source's folder or archives are not usable.
        DownloadFailed, DownloadCorrupt, DiskFull: as the source.
    """
    heading("download", f"{data.source} -> {paths.raw.relative_to(paths.root)}")
    paths.raw.parent.mkdir(parents=True, exist_ok=True)
    with (
        timed() as seconds,
        files.locked(
            paths.downloads / "stage.lock",
            on_wait=lambda: say("waiting for another download to finish"),
        ),
    ):
        for leftover in paths.raw.parent.glob(".raw.*.tmp"):  # of a killed run
            shutil.rmtree(leftover)
        made = Path(tempfile.mkdtemp(prefix=".raw.", suffix=".tmp", dir=paths.raw.parent))
        try:
            made.chmod(0o755)
            request = Request(
                raw=made,
                root=paths.root,
                downloads=paths.downloads,
                competition=competition,
                timeout_s=data.timeout_s,
                retries=data.retries,
                retry_wait_s=data.retry_wait_s,
            )
            SOURCES[data.source].write(request, getattr(data, section_name(data.source)))
            lines = _summary(made)
            checksums.write(made, [path.name for path in made.iterdir() if path.suffix != ".npy"])
            shutil.rmtree(paths.raw, ignore_errors=True)
            made.rename(paths.raw)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        for line in lines:
            say(line)
        say(f"done in {seconds():.1f} s")


def _summary(raw: Path) -> list[str]:
    """Return what came, in lines; reading it shows that it is whole."""
    if RawArrays.is_in(raw):
        found = RawArrays.load(raw)
        return [
            f"{len(found.training.images):,} images of {len(found.class_names)} classes, "
            f"{len(found.held_out.images):,} more held out"
        ]
    return [_archive_summary(raw, stem) for stem in ("images", "annotation")]


def _archive_summary(raw: Path, stem: str) -> str:
    """Return a line about one archive, read once more: files, size, what is left out."""
    with reader.open_archive(raw, stem) as archive:
        size = archive.path.stat().st_size
        left_out = f"; left out: {archive.skipped_summary()}" if archive.skipped else ""
        return f"{archive.path.name}: {len(archive.names):,} files, {size / 1e6:,.1f} MB{left_out}"
