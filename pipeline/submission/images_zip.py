"""The submission: write `images.zip` so that Kaggle's evaluator takes it, and check one's bytes.

What the evaluator asks for: 10,000 PNG files of 64x64 RGB pixels, flat in one zip.
"""

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.images import png

KAGGLE_COUNT = 10_000
SIDE_PX = 64

# A 64x64 RGB picture is 12 KB raw; whatever unpacks to far more than that is no such picture.
_MAX_PNG_BYTES = 1 << 20
_MAX_IMAGES = 200_000
_ADAM7_ROWS = 8 + 8 + 8 + 16 + 16 + 32 + 32  # of the seven passes of an interlaced 64x64 picture
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time
_UNIX = 3  # "create system": Python writes the machine's own otherwise


class SubmissionInvalid(InputError):
    """Pictures that Kaggle's evaluator, or the score, would refuse."""


@dataclass(frozen=True)
class Facts:
    """What a checked zip holds."""

    sha256: str
    images: int
    bytes: int
    duplicates: int  # pictures whose pixels are those of an earlier one

    def as_dict(self) -> dict[str, str | int]:
        return asdict(self)


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures and the names they came under, sorted by name."""

    names: list[str]
    images: np.ndarray  # (N, 64, 64, 3) uint8, RGB


def write(path: Path, images: np.ndarray, *, count: int) -> Facts:
    """Write a submission, the same bytes for the same pictures, and check what was written.

    Args:
        images: (count, 64, 64, 3) uint8, RGB.
        count: how many there must be (Kaggle: 10,000).

    Raises:
        SubmissionInvalid: the pictures are not what the evaluator takes; nothing is written.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE_PX, SIDE_PX, 3):
        raise SubmissionInvalid(
            f"{path.name}: pictures must be uint8 (N, {SIDE_PX}, {SIDE_PX}, 3), "
            f"these are {images.dtype} {images.shape}"
        )
    _require_count(path, len(images), count)
    digits = max(5, len(str(count - 1)))
    with files.atomic(path) as temporary:
        # Stored, not deflated: a PNG is compressed already.
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            encoded = progress.bar(png.encode(images), label="encoding", total=count)
            for number, content in enumerate(encoded):
                entry = zipfile.ZipInfo(f"{number:0{digits}d}.png", date_time=_FIRST_DAY)
                entry.create_system = _UNIX
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                archive.writestr(entry, content)
        return check(temporary, count=count)


def check(path: Path, *, count: int | None) -> Facts:
    """Read a submission's own bytes and say what it holds.

    Raises:
        SubmissionInvalid: as `read_zip`.
    """
    images = read_zip(path, count=count).images
    return Facts(
        sha256=files.sha256(path),
        images=len(images),
        bytes=path.stat().st_size,
        duplicates=duplicates(images),
    )


def duplicates(images: np.ndarray) -> int:
    """How many of (N, ...) uint8 pictures repeat an earlier one's pixels: N less the distinct."""
    return len(images) - len({image.tobytes() for image in images})


def read(path: Path, *, count: int | None = None) -> Pictures:
    """Decode the pictures of a zip or of a folder of PNG files.

    Args:
        count: how many there must be, or None for any number from 1.

    Raises:
        SubmissionInvalid: the path is neither, or holds what the evaluator would refuse.
    """
    return read_folder(path, count=count) if path.is_dir() else read_zip(path, count=count)


def read_zip(path: Path, *, count: int | None) -> Pictures:
    """Decode a zip's pictures, whoever made it.

    Every entry is bounded before it is unpacked, so that no zip or PNG bomb takes the memory.

    Raises:
        SubmissionInvalid: not a zip, cut short, or an entry that is nested, encrypted, doubled,
            no PNG, broken, or of another size or mode. The message names the entry.
    """
    if not path.is_file():
        raise SubmissionInvalid(f"{path}: no such zip")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
            _require_flat(path, entries)
            _require_count(path, len(entries), count)

            def content(entry: zipfile.ZipInfo) -> bytes:
                if entry.file_size > _MAX_PNG_BYTES:
                    raise SubmissionInvalid(
                        f"{path.name}: {entry.filename} unpacks to {entry.file_size:,} bytes, "
                        f"too many for a {SIDE_PX}x{SIDE_PX} PNG"
                    )
                return archive.read(entry)

            return _decode_all(path, [entry.filename for entry in entries], entries, content)
    except zipfile.BadZipFile as error:
        raise SubmissionInvalid(f"{path.name}: not a whole zip ({error})") from None
    except (NotImplementedError, zlib.error, EOFError, RuntimeError) as error:
        raise SubmissionInvalid(f"{path.name}: an entry cannot be unpacked ({error})") from None


def read_folder(path: Path, *, count: int | None) -> Pictures:
    """Decode the PNG files that lie in a folder. Hidden files are passed over.

    Raises:
        SubmissionInvalid: the folder is empty, or holds something that is not such a PNG.
    """
    found = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    if not found:
        raise SubmissionInvalid(f"{path}: an empty folder")
    _require_count(path, len(found), count)
    for entry in found:
        if entry.suffix.lower() != ".png" or not entry.is_file():
            raise SubmissionInvalid(f"{path.name}: {entry.name} is no PNG file")
        if entry.stat().st_size > _MAX_PNG_BYTES:
            raise SubmissionInvalid(f"{path.name}: {entry.name} is too big for a {SIDE_PX} px PNG")
    return _decode_all(path, [entry.name for entry in found], found, Path.read_bytes)


def to_side(images: np.ndarray) -> np.ndarray:
    """Resize (N, side, side, 3) uint8 to the submission's 64 px, antialiased where it shrinks."""
    if images.shape[1] == SIDE_PX:
        return images
    resized = np.empty((len(images), SIDE_PX, SIDE_PX, 3), np.uint8)
    for row, image in enumerate(progress.bar(images, label="resizing")):
        picture = Image.fromarray(image).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        resized[row] = np.asarray(picture)
    return resized


def _require_count(path: Path, images: int, count: int | None) -> None:
    if images == 0:
        raise SubmissionInvalid(f"{path.name}: holds no pictures")
    if count is not None and images != count:
        raise SubmissionInvalid(f"{path.name}: holds {images:,} files instead of {count:,}")
    if images > _MAX_IMAGES:
        raise SubmissionInvalid(f"{path.name}: holds {images:,} files, more than {_MAX_IMAGES:,}")


def _require_flat(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    previous = None
    for entry in entries:
        name = entry.filename
        if entry.is_dir() or "/" in name or "\\" in name:
            fault = "lies in a folder; the pictures must lie flat in the zip"
        elif not name.lower().endswith(".png"):
            fault = "is no PNG file"
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


def _decode_all(path: Path, names: list[str], sources: list, content: Callable) -> Pictures:
    images = np.empty((len(names), SIDE_PX, SIDE_PX, 3), np.uint8)

    def decode(rows: range) -> None:
        # Read here, not before: one file a thread is in memory at a time.
        for row in rows:
            images[row] = _decode(f"{path.name}: {names[row]}", content(sources[row]))

    blocks = [range(len(names))[i : i + 64] for i in range(0, len(names), 64)]
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress.bar(label="checking", total=len(names)) as bar,
    ):
        for rows, _ in zip(blocks, pool.map(decode, blocks), strict=True):
            bar.update(len(rows))
    return Pictures(names=names, images=images)


def _decode(where: str, content: bytes) -> np.ndarray:
    """Decode one PNG of exactly 64x64 8-bit RGB. Returns (64, 64, 3) uint8."""
    # Signature, then the header chunk: length, "IHDR", width, height, bit depth, colour type.
    if content[:8] != png.SIGNATURE or content[12:16] != b"IHDR" or len(content) < 33:
        raise SubmissionInvalid(f"{where} is no PNG")
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    if (width, height) != (SIDE_PX, SIDE_PX):
        raise SubmissionInvalid(f"{where} is {width}x{height} pixels, not {SIDE_PX}x{SIDE_PX}")
    # Pillow shows 16 bits as "RGB" too, hence a look at the header itself. Type 2 is RGB.
    if (depth, colour) != (8, 2):
        kinds = {0: "greyscale", 2: "RGB", 3: "palette", 4: "greyscale with alpha", 6: "RGBA"}
        raise SubmissionInvalid(
            f"{where} is {depth}-bit {kinds.get(colour, 'of an unknown kind')}, not 8-bit RGB"
        )
    try:
        # Pillow fills rows that are not there with black and skips the pixels' checksum.
        filter_bytes = _ADAM7_ROWS if content[28] else SIDE_PX
        if png.data_bytes(content, at_most=_MAX_PNG_BYTES) != SIDE_PX**2 * 3 + filter_bytes:
            raise SubmissionInvalid(f"{where} is a broken PNG (rows are missing or too many)")
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                raise SubmissionInvalid(f"{where} is animated")
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError, zlib.error, struct.error, EOFError) as error:
        if isinstance(error, SubmissionInvalid):
            raise
        raise SubmissionInvalid(f"{where} is a broken PNG ({error})") from None
