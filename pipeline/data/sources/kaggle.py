"""The competition's own data: two zips, or both unpacked as a Kaggle kernel finds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.common.progress import bar, say
from pipeline.common.section import Section
from pipeline.data.archives import reader

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

IS_OWN_WORK = False
# stem of the archive in data/raw -> names of the zip or folder, compared without case. Copies of
# the data differ in the nesting below (all-dogs/all-dogs, annotation/Annotation): see `_pack`.
_NAMES = {"images": "all-dogs", "annotation": "annotation"}


class Parameters(Section):
    """The sub-section `data.kaggle`."""

    path: str | None


def write(request: Request, parameters: Parameters) -> None:
    """Copy or fetch the competition's data; see `copy` and `download`."""
    path = parameters.path
    folder = download(request) if path is None else request.user_path(path)
    copy(request.raw, folder=folder)


def copy(raw: Path, *, folder: Path) -> None:
    """Put the pictures and annotations of the competition's `folder` into the folder `raw`.

    A zip is copied as it is (`images.zip`, `annotation.zip`). An unpacked folder is packed, however
    deep its files lie, into an uncompressed tar: `all-dogs/<id>.jpg`,
    `Annotation/<synset>-<breed>/<id>`.

    Raises:
        InputError: the folder or one of the two is missing.
        ArchiveDamaged: a zip is broken or cut.
        DiskFull: it would not fit.
    """
    if not folder.is_dir():
        raise InputError(f"data.kaggle.path: {folder}: no such folder")
    for stem, name in _NAMES.items():
        source = _find(folder, name)
        say(f"{stem}: from {source}")
        if source.is_dir():
            _pack(source, raw / f"{stem}.tar", stem)
        else:
            _copy(source, raw / f"{stem}.zip")


def download(request: Request) -> Path:
    """Fetch the competition's two zips by Kaggle's API; returns the folder that holds them.

    Raises:
        PipelineError: no credentials, the rules not accepted, no network.
    """
    from pipeline.download.retry import RetryPolicy
    from pipeline.kaggle.api import competitions

    policy = RetryPolicy(request.timeout_s, request.retries, request.retry_wait_s)
    folder = request.downloads / "kaggle" / request.competition
    return competitions.download_files(request.competition, folder, policy)


def _find(folder: Path, name: str) -> Path:
    entries = sorted(folder.iterdir())
    for wanted in (f"{name}.zip", name):
        for entry in entries:
            if entry.name.lower() == wanted and (entry.is_dir() or wanted.endswith(".zip")):
                return entry
    raise InputError(f"data.kaggle.path: {folder}: neither {name}.zip nor a folder {name}")


def _copy(source: Path, destination: Path) -> None:
    with reader.ZipArchive(source) as archive:
        if not archive.names:
            raise InputError(f"data.kaggle.path: {source}: holds no files")
    files.require_space(destination.parent, source.stat().st_size, destination.name)
    with files.atomic(destination) as temporary:
        shutil.copyfile(source, temporary)


def _pack(source: Path, destination: Path, stem: str) -> None:
    members = dict(sorted(_members(source, stem)))
    if not members:
        raise InputError(f"data.kaggle.path: {source}: holds no {stem}")
    total = sum(path.stat().st_size + 1024 for path in members.values())
    files.require_space(destination.parent, total, destination.name)
    reader.write_tar(destination, _contents(members))


def _members(source: Path, stem: str) -> Iterator[tuple[str, Path]]:
    for place, _, names in os.walk(source):
        for name in names:
            path = Path(place, name)
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            if stem == "annotation":
                yield f"Annotation/{path.parent.name}/{name}", path
            elif path.suffix.lower() in (".jpg", ".jpeg"):
                yield f"all-dogs/{name}", path


def _contents(members: dict[str, Path]) -> Iterator[tuple[str, bytes]]:
    for name, path in bar(members.items(), label="packing", unit="file"):
        yield name, path.read_bytes()
