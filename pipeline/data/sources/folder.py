"""Any directory of pictures, packed into one archive; its sub-folders are the classes."""

from __future__ import annotations

import os
from collections import Counter
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
# By suffix, not by content: what is named as a picture and is none is for the crop stage to count.
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff")
)


class Parameters(Section):
    """The sub-section `data.folder`."""

    path: str | None


def write(request: Request, parameters: Parameters) -> None:
    """Pack the folder `parameters.path`; see `pack`."""
    if not parameters.path:
        raise InputError("data.folder.path: null; name a directory of images")
    pack(request.raw, folder=request.user_path(parameters.path))


def pack(raw: Path, *, folder: Path) -> None:
    """Pack `folder` into `raw/images.tar`, beside an empty `raw/annotation.tar`.

    A picture is a regular file with one of `SUFFIXES`, in any case. Its member is
    `Images/<class>/<file>`: the class is the sub-folder's name, or the folder's own name for
    pictures that lie directly in it; of deeper folders the names join the file's (`a/b/c.png` is
    `Images/a/b__c.png`). Links are never followed, hidden files never taken. The same files give
    the same bytes.

    Raises:
        InputError: the folder is missing, is none, or holds no pictures.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "not found"
        raise InputError(f"data.folder.path: {folder}: {what}")
    left_out: Counter[str] = Counter()
    members = _members(folder.resolve(), left_out)
    passed = ", ".join(f"{what}: {count:,}" for what, count in sorted(left_out.items()))
    if not members:
        raise InputError(
            f"data.folder.path: {folder}: no pictures ({', '.join(sorted(SUFFIXES))})"
            + (f"; left out: {passed}" if passed else "")
        )
    if passed:
        say(f"left out: {passed}")
    total = sum(path.stat().st_size + 1024 for path in members.values())
    files.require_space(raw, total, "images.tar")
    reader.write_tar(raw / "images.tar", _contents(members))
    reader.write_tar(raw / "annotation.tar", ())


def _members(folder: Path, left_out: Counter[str]) -> dict[str, Path]:
    """Member name -> file, sorted by name; counts in `left_out` what is no picture, by kind."""
    members: dict[str, Path] = {}
    for path in sorted(_regular_files(folder, left_out)):
        parts = path.relative_to(folder).parts
        if path.suffix.lower() not in SUFFIXES:
            left_out["other files"] += 1
            continue
        label = parts[0] if len(parts) > 1 else folder.name or "pictures"
        name = f"Images/{label}/{'__'.join(parts[1:] or parts)}"
        if fault := reader.name_fault(name):
            left_out[fault] += 1
        elif path.stat().st_size > reader.MEMBER_LIMIT_BYTES:
            left_out[f"over {reader.MEMBER_LIMIT_BYTES >> 20} MiB"] += 1
        else:
            members[_unused(name, members)] = path
    return dict(sorted(members.items()))


def _regular_files(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=False):
        if links := sum(os.path.islink(os.path.join(place, name)) for name in folders):
            left_out["links"] += links
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if path.is_symlink():
                left_out["links"] += 1
            elif not path.is_file():
                left_out["devices"] += 1
            else:
                yield path


def _unused(name: str, members: dict[str, Path]) -> str:
    """`name`, or with a number where joining folder names gave it twice (`a/b__c`, `a/b/c`)."""
    stem, suffix = os.path.splitext(name)
    number = 2
    while name in members:
        name = f"{stem}__{number}{suffix}"
        number += 1
    return name


def _contents(members: dict[str, Path]) -> Iterator[tuple[str, bytes]]:
    for name, path in bar(members.items(), label="packing", unit="picture"):
        yield name, path.read_bytes()


def _raise(error: OSError) -> None:
    raise error
