"""Read and check a submission, whoever made it, from its own bytes."""

import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.common import cores, files, progress
from pipeline.common.hidden import is_hidden
from pipeline.competitions.form import SubmissionFormat
from pipeline.images import arrays
from pipeline.submission.decoding import SubmissionInvalid, decode, largest_file

_MOST_IMAGES = 200_000
_BLOCK_IMAGES = 64  # decoded by a thread at a time


@dataclass(frozen=True)
class DecodedImages:
    """Images and the names that their files have, sorted by name.

    Attributes:
        names: N of them.
        images: (N, side, side, channels) uint8.
    """

    names: list[str]
    images: np.ndarray


@dataclass(frozen=True)
class ZipSummary:
    """What a checked zip holds.

    Attributes:
        sha256: of the file, 64 hex digits.
        images: their number.
        bytes: of the file.
        duplicates: images whose pixels are those of an earlier one.
    """

    sha256: str
    images: int
    bytes: int
    duplicates: int

    def as_dict(self) -> dict[str, str | int]:
        """Return the attributes as outputs/package.json holds them."""
        return asdict(self)


def check_zip(path: Path, form: SubmissionFormat, *, count: int | None) -> ZipSummary:
    """Read a submission's own bytes and return what it holds.

    Args:
        count: number of images that must be there, None for any.

    Raises:
        SubmissionInvalid: as `read_zip`.
    """
    images = read_zip(path, form, count=count).images
    return ZipSummary(
        sha256=files.sha256(path),
        images=len(images),
        bytes=path.stat().st_size,
        duplicates=arrays.duplicates(images),
    )


def read(path: Path, form: SubmissionFormat, *, count: int | None = None) -> DecodedImages:
    """Decode the images of a zip or of a folder of image files. What systems leave beside files
    (.DS_Store, __MACOSX, Thumbs.db) is passed over.

    Args:
        count: number of images that must be there, None for any.

    Raises:
        SubmissionInvalid: the path is neither, or holds what the evaluator would refuse.
    """
    if path.is_dir():
        return read_folder(path, form, count=count)
    return read_zip(path, form, count=count, hidden_too=False)


def read_zip(
    path: Path, form: SubmissionFormat, *, count: int | None = None, hidden_too: bool = True
) -> DecodedImages:
    """Decode the images of a zip.

    The size of every entry is checked before it is unpacked, so that no zip or PNG bomb takes the
    memory.

    Args:
        count: number of images that must be there, None for any.
        hidden_too: whether hidden files and what systems leave count as entries, which are then
            refused, as an evaluator does; else they are passed over.

    Raises:
        SubmissionInvalid: not a zip, cut short, or an entry that is nested, encrypted, doubled,
            of another encoding, broken, or of another size or mode. The message names the entry.
    """
    if not path.is_file():
        raise SubmissionInvalid(f"{path}: no such zip")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = sorted(
                (entry for entry in archive.infolist() if hidden_too or not _is_hidden(entry)),
                key=lambda entry: entry.filename,
            )
            _require_flat(path, entries, form)
            require_count(path, len(entries), count)

            def content(row: int) -> bytes:
                entry = entries[row]
                if entry.file_size > largest_file(form.shape):
                    raise SubmissionInvalid(
                        f"{path.name}: {entry.filename} unpacks to {entry.file_size:,} bytes, "
                        f"too many for a {form.encoding.name} of {form.shape.side_px} px"
                    )
                return archive.read(entry)

            return _decode_all(path, [entry.filename for entry in entries], content, form)
    except zipfile.BadZipFile as error:
        raise SubmissionInvalid(f"{path.name}: not a whole zip ({error})") from None
    except (NotImplementedError, zlib.error, EOFError, RuntimeError) as error:
        raise SubmissionInvalid(f"{path.name}: an entry cannot be unpacked ({error})") from None


def read_folder(path: Path, form: SubmissionFormat, *, count: int | None = None) -> DecodedImages:
    """Decode the image files of a folder. Hidden files and what systems leave are passed over.

    Args:
        count: number of images that must be there, None for any.

    Raises:
        SubmissionInvalid: the folder is empty, or holds something that is no such file.
    """
    found = sorted(entry for entry in path.iterdir() if not is_hidden(entry.name))
    if not found:
        raise SubmissionInvalid(f"{path}: an empty folder")
    require_count(path, len(found), count)
    for entry in found:
        if entry.suffix.lower() not in form.encoding.suffixes or not entry.is_file():
            raise SubmissionInvalid(f"{path.name}: {entry.name} is no {form.encoding.name} file")
        if entry.stat().st_size > largest_file(form.shape):
            raise SubmissionInvalid(
                f"{path.name}: {entry.name} is too large for a {form.encoding.name} of "
                f"{form.shape.side_px} px"
            )
    names = [entry.name for entry in found]
    return _decode_all(path, names, lambda row: found[row].read_bytes(), form)


def require_count(path: Path, images: int, count: int | None) -> None:
    """Raise SubmissionInvalid where `path` holds no images, too many, or not `count` of them."""
    if images == 0:
        raise SubmissionInvalid(f"{path.name}: holds no images")
    if count is not None and images != count:
        raise SubmissionInvalid(f"{path.name}: holds {images:,} files instead of {count:,}")
    if images > _MOST_IMAGES:
        raise SubmissionInvalid(f"{path.name}: holds {images:,} files, more than {_MOST_IMAGES:,}")


def _require_flat(path: Path, entries: Sequence[zipfile.ZipInfo], form: SubmissionFormat) -> None:
    previous = None
    for entry in entries:
        name = entry.filename
        if _is_hidden(entry):
            fault = (
                "is no image: a system leaves it beside files. Make the zip in a terminal, in the "
                f"images' folder: zip -X {path.name} *{form.encoding.suffixes[0]}"
            )
        elif entry.is_dir() or "/" in name or "\\" in name:
            fault = "lies in a folder; the images must lie flat in the zip"
        elif not name.lower().endswith(form.encoding.suffixes):
            fault = f"is no {form.encoding.name} file"
        elif entry.flag_bits & 0x1:
            fault = "is encrypted"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            fault = "is a link"
        elif name == previous:
            fault = "is there twice"
        else:
            previous = name
            continue
        raise SubmissionInvalid(f"{path.name}: {name} {fault}")


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    return any(map(is_hidden, entry.filename.rstrip("/").split("/")))


def _decode_all(
    path: Path, names: list[str], content: Callable[[int], bytes], form: SubmissionFormat
) -> DecodedImages:
    """Decode the file `content(row)` of each name."""
    shape = form.shape
    images = np.empty((len(names), shape.side_px, shape.side_px, shape.channels), np.uint8)

    def decode_block(rows: range) -> None:
        # Read here, not before: each thread holds one file in memory at a time.
        for row in rows:
            images[row] = decode(f"{path.name}: {names[row]}", content(row), form)

    blocks = [
        range(len(names))[first : first + _BLOCK_IMAGES]
        for first in range(0, len(names), _BLOCK_IMAGES)
    ]
    with (
        ThreadPoolExecutor(cores.usable()) as pool,
        progress.bar(label="checking", total=len(names)) as bar,
    ):
        for rows, _ in zip(blocks, pool.map(decode_block, blocks), strict=True):
            bar.update(len(rows))
    return DecodedImages(names=names, images=images)
