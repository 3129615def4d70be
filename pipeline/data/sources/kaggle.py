"""A competition's own data: its zips, or all of it unpacked as a Kaggle kernel finds it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.common.hidden import is_hidden
from pipeline.common.progress import bar, say
from pipeline.common.section import Section
from pipeline.competitions.registry import profile_of
from pipeline.data.archives import reader
from pipeline.data.sources import unpacked

if TYPE_CHECKING:
    from pipeline.competitions.profile import DataLayout, DataPart
    from pipeline.data.sources.source import Request

IS_OWN_WORK = False
_ARCHIVES = ("images", "annotation")  # of data/raw


class Parameters(Section):
    """The sub-section `data.kaggle`."""

    path: str | None


def write(request: Request, parameters: Parameters) -> None:
    """Copy or fetch the competition's data; see `copy` and `download`."""
    layout = layout_of(request.competition)
    if parameters.path is None:
        folder = download(request, layout)
    else:
        folder = request.user_path(parameters.path)
    copy(request.raw, folder=folder, layout=layout)


def layout_of(competition: str) -> DataLayout:
    """Return how a competition's data lie.

    Raises:
        InputError: the competition has none.
    """
    layout = profile_of(competition).data
    if layout is None:
        raise InputError(f"data.source = 'kaggle': competition {competition} has no data")
    return layout


def copy(raw: Path, *, folder: Path, layout: DataLayout) -> None:
    """Put the files of the competition's `folder` that the chain reads into the folder `raw`.

    A zip of a part alone is copied as it is (`images.zip`, `annotation.zip`). A part that lies
    unpacked, or as a folder in the zip of all files, is packed into an uncompressed tar under its
    name there (`all-dogs/<id>.jpg`); deeper folders keep their names. An archive that no part
    fills is empty.

    Raises:
        InputError: the folder or a part of it is missing, or holds nothing.
        ArchiveDamaged: a zip is broken or cut.
        DiskFull: it would not fit.
    """
    if not folder.is_dir():
        raise InputError(f"data.kaggle.path: {folder}: no such folder")
    for part in layout.parts:
        source = _find(folder, part, layout)
        say(f"{part.archive}: from {source}")
        if source.is_dir():
            _pack(source, raw / f"{part.archive}.tar", part)
        elif source.name in layout.downloads and layout.is_one_zip:
            _pack_from_zip(source, raw / f"{part.archive}.tar", part)
        else:
            _copy(source, raw / f"{part.archive}.zip")
    for archive in set(_ARCHIVES) - {part.archive for part in layout.parts}:
        reader.write_tar(raw / f"{archive}.tar", ())


def download(request: Request, layout: DataLayout) -> Path:
    """Fetch the competition's zips by Kaggle's API; return the folder that holds them.

    Raises:
        PipelineError: no credentials, the rules not accepted, no network.
    """
    from pipeline.download.retry import RetryPolicy
    from pipeline.kaggle.api import competitions

    policy = RetryPolicy(request.timeout_s, request.retries, request.retry_wait_s)
    folder = request.downloads / "kaggle" / request.competition
    return competitions.download_files(request.competition, folder, policy, layout)


def _find(folder: Path, part: DataPart, layout: DataLayout) -> Path:
    """Return the zip or folder of a part, in any case, or the zip of all; where several are there
    the first of: the part's zip, the part's folder, the zip of all."""
    entries = sorted(folder.iterdir())
    possible = [f"{part.name}.zip", part.name, *(layout.downloads if layout.is_one_zip else ())]
    for name in possible:
        for entry in entries:
            is_kind = entry.is_file() if name.endswith(".zip") else entry.is_dir()
            if entry.name.lower() == name.lower() and is_kind:
                return entry
    listed = f"neither {part.name}.zip nor a folder {part.name}"
    listed += f" nor {layout.downloads[0]}" if layout.is_one_zip else ""
    raise InputError(f"data.kaggle.path: {folder}: {listed}")


def _copy(source: Path, destination: Path) -> None:
    with reader.ZipArchive(source) as archive:
        archive.require_files()
    files.require_space(destination.parent, source.stat().st_size, destination.name)
    with files.atomic(destination) as temporary:
        shutil.copyfile(source, temporary)


def _pack_from_zip(source: Path, destination: Path, part: DataPart) -> None:
    """Write the files of a part's folder in a zip to a tar."""
    prefix = f"{part.name}/"
    with reader.ZipArchive(source) as archive:
        inner = [name for name in archive.names if name.lower().startswith(prefix)]
        if not inner:
            raise InputError(f"data.kaggle.path: {source}: holds no folder {part.name}")

        def members() -> Iterator[tuple[str, bytes]]:
            for name in bar(inner, label="packing", unit="file"):
                yield f"{part.top}/{name[len(prefix) :]}", archive.read(name)

        # What is packed is at most the whole zip: photos do not shrink in it.
        files.require_space(destination.parent, source.stat().st_size, destination.name)
        reader.write_tar(destination, members())


def _pack(source: Path, destination: Path, part: DataPart) -> None:
    left_out: Counter[str] = Counter()
    source = _innermost(source)
    members = {}
    for name, path in unpacked.regular_files(source, left_out):
        if part.archive == "images" and path.suffix.lower() not in unpacked.IMAGE_SUFFIXES:
            left_out["other files"] += 1
        else:
            members[f"{part.top}/{name}"] = path
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
    entries = [path for path in source.iterdir() if not is_hidden(path.name)]
    only = entries[0] if len(entries) == 1 else None
    if only and only.name.lower() == source.name.lower() and only.is_dir():
        return source if only.is_symlink() else _innermost(only)
    return source
