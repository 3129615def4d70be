"""The files of a folder that the user names, taken by the same rule for names as an archive's."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.common import files
from pipeline.common.hidden import is_hidden
from pipeline.common.progress import bar, say
from pipeline.data.archives import names, reader

# By suffix, not by content: a file that is named as an image and is none, the crop stage counts.
IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff")
)


def regular_files(folder: Path, left_out: Counter[str]) -> list[tuple[str, Path]]:
    """Return the files below a folder as (path below it with slashes, path), sorted.

    Links are never followed; names that `names.fault` refuses and files above
    `reader.MEMBER_LIMIT_BYTES` are not taken. The name of `folder` itself plays no part.

    Args:
        left_out: is filled with counts of what is not taken, by reason; a hidden folder counts
            once.

    Raises:
        OSError: a folder cannot be read.
    """
    found = []
    for path in _walk(folder, left_out):
        name = path.relative_to(folder).as_posix()
        if fault := names.fault(name):
            left_out[fault] += 1
        elif path.stat().st_size > reader.MEMBER_LIMIT_BYTES:
            left_out[f"over {reader.MEMBER_LIMIT_BYTES >> 20} MiB"] += 1
        else:
            found.append((name, path))
    return sorted(found, key=lambda file: file[1])


def pack(
    destination: Path,
    members: dict[str, Path],
    left_out: Counter[str],
    *,
    content: Callable[[Path], bytes] = Path.read_bytes,
) -> None:
    """Write files to the tar `destination`, and say what is left out.

    Args:
        members: name in the archive -> file.
        content: gives the bytes to pack of a file.

    Raises:
        DiskFull: the disk cannot take it.
    """
    if left_out:
        say(f"{destination.name}: left out: {listed(left_out)}")
    total = sum(path.stat().st_size + 1024 for path in members.values())
    files.require_space(destination.parent, total, destination.name)
    reader.write_tar(destination, _contents(members, content))


def listed(left_out: Counter[str]) -> str:
    """Return counts as `hidden file: 3, links: 1`."""
    return ", ".join(f"{what}: {count:,}" for what, count in sorted(left_out.items()))


def _walk(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    for place, folders, file_names in os.walk(folder, onerror=_raise, followlinks=False):
        if links := sum(os.path.islink(os.path.join(place, name)) for name in folders):
            left_out["links"] += links
        if hidden := sum(map(is_hidden, folders)):
            left_out["hidden folder"] += hidden
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in file_names:
            path = Path(place, name)
            if path.is_symlink():
                left_out["links"] += 1
            elif not path.is_file():
                left_out["devices"] += 1
            else:
                yield path


def _contents(
    members: dict[str, Path], content: Callable[[Path], bytes]
) -> Iterator[tuple[str, bytes]]:
    for name, path in bar(members.items(), label="packing", unit="file"):
        yield name, content(path)


def _raise(error: OSError) -> None:
    raise error
