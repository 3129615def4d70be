"""The competition's own data: two zips, or both unpacked as a Kaggle kernel finds them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.common.progress import say
from pipeline.common.section import Section
from pipeline.data.archives import names, reader
from pipeline.data.sources import unpacked

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

IS_OWN_WORK = False
# Stem of the archive in data/raw -> name of the zip or folder, compared without case, and the top
# folder of a packed one's members.
_NAMES = {"images": ("all-dogs", "all-dogs"), "annotation": ("annotation", "Annotation")}


class Parameters(Section):
    """The sub-section `data.kaggle`."""

    path: str | None


def write(request: Request, parameters: Parameters) -> None:
    """Copy or fetch the competition's data; see `copy` and `download`."""
    folder = download(request) if parameters.path is None else request.user_path(parameters.path)
    copy(request.raw, folder=folder)


def copy(raw: Path, *, folder: Path) -> None:
    """Put the photos and annotations of the competition's `folder` into the folder `raw`.

    A zip is copied as it is (`images.zip`, `annotation.zip`). An unpacked folder is packed into an
    uncompressed tar: `all-dogs/<id>.jpg`, `Annotation/<synset>-<breed>/<id>`; deeper folders keep
    their names.

    Raises:
        InputError: the folder or one of the two is missing, or holds nothing.
        ArchiveDamaged: a zip is broken or cut.
        DiskFull: it would not fit.
    """
    if not folder.is_dir():
        raise InputError(f"data.kaggle.path: {folder}: no such folder")
    for stem, (name, top) in _NAMES.items():
        source = _find(folder, name)
        say(f"{stem}: from {source}")
        if source.is_dir():
            _pack(source, raw / f"{stem}.tar", top)
        else:
            _copy(source, raw / f"{stem}.zip")


def download(request: Request) -> Path:
    """Fetch the competition's two zips by Kaggle's API; return the folder that holds them.

    Raises:
        PipelineError: no credentials, the rules not accepted, no network.
    """
    from pipeline.download.retry import RetryPolicy
    from pipeline.kaggle.api import competitions

    policy = RetryPolicy(request.timeout_s, request.retries, request.retry_wait_s)
    folder = request.downloads / "kaggle" / request.competition
    return competitions.download_files(request.competition, folder, policy)


def _find(folder: Path, name: str) -> Path:
    """Return the zip or folder of that name, in any case; the zip where both are there."""
    entries = sorted(folder.iterdir())
    for possible in (f"{name}.zip", name):
        for entry in entries:
            if entry.name.lower() == possible and (entry.is_dir() or possible.endswith(".zip")):
                return entry
    raise InputError(f"data.kaggle.path: {folder}: neither {name}.zip nor a folder {name}")


def _copy(source: Path, destination: Path) -> None:
    with reader.ZipArchive(source) as archive:
        archive.require_files()
    files.require_space(destination.parent, source.stat().st_size, destination.name)
    with files.atomic(destination) as temporary:
        shutil.copyfile(source, temporary)


def _pack(source: Path, destination: Path, top: str) -> None:
    left_out: Counter[str] = Counter()
    source = _innermost(source)
    members = {}
    for name, path in unpacked.regular_files(source, left_out):
        if top == "all-dogs" and path.suffix.lower() not in unpacked.IMAGE_SUFFIXES:
            left_out["other files"] += 1
        else:
            members[f"{top}/{name}"] = path
    if not members:
        passed = unpacked.listed(left_out)
        raise InputError(
            f"data.kaggle.path: {source}: holds no {destination.stem}"
            + (f"; left out: {passed}" if passed else "")
        )
    unpacked.pack(destination, dict(sorted(members.items())), left_out)


def _innermost(source: Path) -> Path:
    """Return the folder that holds the files: copies of the data differ in their nesting
    (`all-dogs/all-dogs`, `annotation/Annotation`)."""
    entries = [path for path in source.iterdir() if not names.is_hidden(path.name)]
    only = entries[0] if len(entries) == 1 else None
    if only and only.name.lower() == source.name.lower() and only.is_dir():
        return source if only.is_symlink() else _innermost(only)
    return source
