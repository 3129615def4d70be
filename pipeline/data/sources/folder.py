"""Any directory of images, packed into one archive; its sub-folders are the classes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.common.errors import InputError
from pipeline.common.section import Section
from pipeline.data.archives import names, reader
from pipeline.data.sources import unpacked

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

IS_OWN_WORK = False


class Parameters(Section):
    """The sub-section `data.folder`."""

    path: str | None
    background: Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6}|[a-z]+)$")]


def write(request: Request, parameters: Parameters) -> None:
    """Pack the folder `parameters.path`; see `pack`.

    Raises:
        InputError: the background is no colour; as `pack`.
    """
    if not parameters.path:
        raise InputError("data.folder.path: null; name a directory of images")
    from PIL import ImageColor

    try:
        background = ImageColor.getrgb(parameters.background)
    except ValueError:
        raise InputError(
            f"data.folder.background = {parameters.background!r}: no colour; give #rrggbb or a "
            f"name of CSS, such as black"
        ) from None
    pack(request.raw, folder=request.user_path(parameters.path), background=background)


def pack(raw: Path, *, folder: Path, background: tuple[int, int, int]) -> None:
    """Pack `folder` into `raw/images.tar`, beside a `raw/annotation.tar` without files.

    A photo is a regular file with one of `unpacked.IMAGE_SUFFIXES`, in any case. Its member is
    `Images/<class>/<file>`: the class is the sub-folder's name, or the folder's own name for
    photos that lie directly in it; of deeper folders the names join the file's (`a/b/c.png` is
    `Images/a/b__c.png`). What is not taken: see `unpacked.regular_files`. The same files give the
    same bytes.

    Args:
        background: RGB, what transparent pixels are laid on. A picture that has some is packed as a
            PNG without, under the same name; for white no file is changed, since all that reads
            pictures lays them on white.

    Raises:
        InputError: the folder is missing, is none, or holds no photos.
        DiskFull: it would not fit.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "not found"
        raise InputError(f"data.folder.path: {folder}: {what}")
    left_out: Counter[str] = Counter()
    members = _members(folder.resolve(), left_out)
    if not members:
        passed = unpacked.listed(left_out)
        raise InputError(
            f"data.folder.path: {folder}: no images ({', '.join(sorted(unpacked.IMAGE_SUFFIXES))})"
            + (f"; left out: {passed}" if passed else "")
        )
    unpacked.pack(raw / "images.tar", members, left_out, content=_content_on(background))
    reader.write_tar(raw / "annotation.tar", ())


def _content_on(background: tuple[int, int, int]) -> Callable[[Path], bytes]:
    """Return what reads a file, its transparent pixels on the background."""
    from pipeline.images import arrays, decode

    if background == decode.BACKGROUND:
        return Path.read_bytes

    def content(path: Path) -> bytes:
        data = path.read_bytes()
        opaque = decode.opaque(data, background)
        return data if opaque is None else arrays.encode_png(arrays.from_pillow(opaque))

    return content


def _members(folder: Path, left_out: Counter[str]) -> dict[str, Path]:
    """Return member name -> file, sorted by name; count in `left_out` what is no photo."""
    members: dict[str, Path] = {}
    for below, path in unpacked.regular_files(folder, left_out):
        if path.suffix.lower() not in unpacked.IMAGE_SUFFIXES:
            left_out["other files"] += 1
            continue
        parts = below.split("/")
        label = parts[0] if len(parts) > 1 else names.as_class(folder.name)
        members[_unused(f"Images/{label}/{'__'.join(parts[1:] or parts)}", members)] = path
    return dict(sorted(members.items()))


def _unused(name: str, members: dict[str, Path]) -> str:
    """Return a name, or it with a number where joining folder names gave it twice (`a/b__c`,
    `a/b/c`)."""
    stem, suffix = os.path.splitext(name)
    number = 2
    while name in members:
        name = f"{stem}__{number}{suffix}"
        number += 1
    return name
