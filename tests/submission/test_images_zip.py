"""images.zip: what is written is accepted and repeatable; what Kaggle would refuse is refused."""

import io
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common import files
from pipeline.submission import images_zip
from pipeline.submission.images_zip import SubmissionInvalid


def pictures(count: int, side_px: int = 64) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side_px, side_px, 3), np.uint8)


def encoded(image: np.ndarray, form: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **options)
    return buffer.getvalue()


def foreign_zip(path: Path, entries: dict[str, bytes], **options: int) -> Path:
    """A zip as anybody's tool would make it."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


# --- writing ------------------------------------------------------------------------------------


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    images = pictures(5)
    facts = images_zip.write(tmp_path / "images.zip", images, count=5)
    read = images_zip.read(tmp_path / "images.zip")
    assert np.array_equal(read.images, images)
    assert read.names == ["00000.png", "00001.png", "00002.png", "00003.png", "00004.png"]
    assert facts.sha256 == files.sha256(tmp_path / "images.zip")
    assert facts.bytes == (tmp_path / "images.zip").stat().st_size
    assert (facts.images, facts.duplicates) == (5, 0)


def test_names_sort_as_numbers_beyond_five_digits(tmp_path: Path) -> None:
    images = np.zeros((100_001, 64, 64, 3), np.uint8)
    with pytest.raises(SubmissionInvalid):  # the count is checked before the work
        images_zip.write(tmp_path / "images.zip", images, count=100_000)


def test_bytes_are_the_same_run_to_run(tmp_path: Path) -> None:
    images = pictures(3)
    images_zip.write(tmp_path / "a.zip", images, count=3)
    time.sleep(2.1)  # a zip's clock ticks every two seconds: a real time stamp would show
    images_zip.write(tmp_path / "b.zip", images, count=3)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_attributes_are_fixed_on_every_system(tmp_path: Path) -> None:
    images_zip.write(tmp_path / "images.zip", pictures(2), count=2)
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.create_system == 3
            assert entry.external_attr >> 16 == stat.S_IFREG | 0o644
            assert entry.compress_type == zipfile.ZIP_STORED


def test_nothing_is_written_when_the_pictures_are_wrong(tmp_path: Path) -> None:
    target = tmp_path / "images.zip"
    for images, count in [
        (pictures(2, 32), 2),
        (pictures(2), 3),
        (pictures(2).astype(np.float32), 2),
        (pictures(0), 0),
        (pictures(2)[..., :1], 2),
    ]:
        with pytest.raises(SubmissionInvalid):
            images_zip.write(target, images, count=count)
    assert list(tmp_path.iterdir()) == []


def test_an_older_zip_survives_a_refusal(tmp_path: Path) -> None:
    target = tmp_path / "images.zip"
    images_zip.write(target, pictures(2), count=2)
    before = target.read_bytes()
    with pytest.raises(SubmissionInvalid):
        images_zip.write(target, pictures(2), count=3)
    assert target.read_bytes() == before


def test_duplicates_count_the_repeats() -> None:
    images = pictures(6)
    images[3] = images[0]
    images[4] = images[0]
    assert images_zip.duplicates(images) == 2


# --- checking -----------------------------------------------------------------------------------


def test_a_zip_of_another_tool_is_taken_in_name_order(tmp_path: Path) -> None:
    images = pictures(3)
    entries = {f"{name}.PNG": encoded(image) for name, image in zip("cab", images, strict=True)}
    path = foreign_zip(tmp_path / "images.zip", entries, compression=zipfile.ZIP_DEFLATED)
    read = images_zip.read(path, count=3)
    assert read.names == ["a.PNG", "b.PNG", "c.PNG"]
    assert np.array_equal(read.images, images[[1, 2, 0]])


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def deep_colour() -> bytes:
    """A valid 16-bit RGB PNG, which Pillow opens as mode RGB."""
    header = struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)
    rows = zlib.compress(bytes(64 * (1 + 64 * 6)))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def damaged() -> bytes:
    """One pixel byte flipped: the chunk's checksum no longer fits."""
    content = bytearray(encoded(pictures(1)[0]))
    content[len(content) // 2] ^= 1
    return bytes(content)


def animated() -> bytes:
    first, second = (Image.fromarray(image) for image in pictures(2))
    buffer = io.BytesIO()
    first.save(buffer, "png", save_all=True, append_images=[second])
    return buffer.getvalue()


GOOD = encoded(pictures(1)[0])
GREY = encoded(pictures(1)[0][..., 0])
ALPHA = encoded(np.concatenate([pictures(1)[0], pictures(1)[0][..., :1]], axis=2))

BAD_PICTURES = {
    "size": (encoded(pictures(1, 32)[0]), "32x32 pixels"),
    "greyscale": (GREY, "greyscale"),
    "alpha": (ALPHA, "RGBA"),
    "16 bits": (deep_colour(), "16-bit RGB"),
    "a JPEG under a .png name": (encoded(pictures(1)[0], "jpeg"), "no PNG"),
    "cut short": (GOOD[: len(GOOD) // 2], "broken PNG"),
    "without its end": (GOOD[:-12], "broken PNG"),
    "wrong checksum": (damaged(), "broken PNG"),
    "too few rows": (
        GOOD[:33] + chunk(b"IDAT", zlib.compress(bytes(193 * 10))) + chunk(b"IEND", b""),
        "broken PNG",
    ),
    "a row too many": (
        GOOD[:33] + chunk(b"IDAT", zlib.compress(bytes(193 * 65))) + chunk(b"IEND", b""),
        "broken PNG",
    ),
    "unending rows": (
        GOOD[:33] + chunk(b"IDAT", zlib.compress(bytes(1 << 28))) + chunk(b"IEND", b""),
        "broken PNG",
    ),
    "animated": (animated(), "animated"),
    "empty": (b"", "no PNG"),
    "text bomb": (
        GOOD[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 28))) + GOOD[33:],
        "broken PNG",
    ),
}


@pytest.mark.parametrize("fault", BAD_PICTURES)
def test_a_bad_picture_is_one_line_that_names_it(tmp_path: Path, fault: str) -> None:
    content, reason = BAD_PICTURES[fault]
    path = foreign_zip(tmp_path / "images.zip", {"0.png": GOOD, "bad.png": content})
    with pytest.raises(SubmissionInvalid, match=reason) as caught:
        images_zip.check(path, count=2)
    assert "images.zip: bad.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def encrypted(path: Path) -> None:
    foreign_zip(path, {"0.png": GOOD})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the local header's flags
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the directory's
    path.write_bytes(content)


def doubled(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.png", GOOD)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("0.png", GOOD)


def link(path: Path) -> None:
    entry = zipfile.ZipInfo("0.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "/etc/passwd")


def cut(path: Path) -> None:
    foreign_zip(path, {"0.png": GOOD})
    path.write_bytes(path.read_bytes()[:-30])


def flipped(path: Path) -> None:
    foreign_zip(path, {"0.png": GOOD})
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)


def undeflatable(path: Path) -> None:
    foreign_zip(path, {"0.png": GOOD}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    content[40:60] = b"\xff" * 20
    path.write_bytes(content)


def unknown_method(path: Path) -> None:
    foreign_zip(path, {"0.png": GOOD})
    content = bytearray(path.read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 97
    path.write_bytes(content)


def bomb(path: Path) -> None:
    foreign_zip(path, {"0.png": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)


BAD_ZIPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nested": (lambda path: foreign_zip(path, {"images/0.png": GOOD}), "lies in a folder"),
    "nested, Windows": (lambda path: foreign_zip(path, {"images\\0.png": GOOD}), "in a folder"),
    "a folder entry": (lambda path: foreign_zip(path, {"images/": b""}), "lies in a folder"),
    "not named .png": (lambda path: foreign_zip(path, {"0.jpg": GOOD}), "no PNG file"),
    "encrypted": (encrypted, "is encrypted"),
    "doubled": (doubled, "0.png is there twice"),
    "link": (link, "is a link"),
    "count": (lambda path: foreign_zip(path, {"0.png": GOOD, "1.png": GOOD}), "2 files instead"),
    "empty": (lambda path: foreign_zip(path, {}), "no pictures"),
    "cut short": (cut, "not a whole zip"),
    "a bit flipped": (flipped, "not a whole zip"),
    "broken deflate": (undeflatable, "cannot be unpacked|not a whole zip"),
    "unknown method": (unknown_method, "cannot be unpacked"),
    "no zip at all": (lambda path: path.write_bytes(b"PK, but not"), "not a whole zip"),
    "bomb": (bomb, "50,000,000 bytes"),
}


@pytest.mark.parametrize("fault", BAD_ZIPS)
def test_a_bad_zip_is_one_line(tmp_path: Path, fault: str) -> None:
    spoil, reason = BAD_ZIPS[fault]
    spoil(tmp_path / "images.zip")
    with pytest.raises(SubmissionInvalid, match=reason) as caught:
        images_zip.check(tmp_path / "images.zip", count=1)
    assert "\n" not in str(caught.value)


def interlaced() -> bytes:
    """GOOD's pixels in the seven passes of Adam7 (PNG specification, 8.2)."""
    image, rows = pictures(1)[0], b""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    for top, left, down, right in [*passes, (1, 0, 2, 1)]:
        for row in image[top::down, left::right]:
            rows += b"\0" + row.tobytes()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 1))
    return GOOD[:8] + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_valid_variants_of_png_are_taken(tmp_path: Path) -> None:
    """Interlaced, pixels over several chunks, text beside them: all valid, all the same pixels."""
    data = GOOD[33:-12]
    stream = data[8:-4]  # one IDAT: its length and name before, its checksum after
    split = GOOD[:33] + chunk(b"IDAT", stream[:99]) + chunk(b"IDAT", stream[99:]) + GOOD[-12:]
    titled = GOOD[:33] + chunk(b"tEXt", b"Title\0a dog") + GOOD[33:]
    path = foreign_zip(
        tmp_path / "images.zip", {"0.png": interlaced(), "1.png": split, "2.png": titled}
    )
    assert (images_zip.read(path, count=3).images == pictures(1)[0]).all()


def test_a_missing_zip_is_named(tmp_path: Path) -> None:
    with pytest.raises(SubmissionInvalid, match=r"images\.zip: no such zip"):
        images_zip.check(tmp_path / "images.zip", count=1)


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_of_pngs_reads_like_a_zip(tmp_path: Path) -> None:
    images = pictures(2)
    (tmp_path / "b.png").write_bytes(encoded(images[1]))
    (tmp_path / "a.png").write_bytes(encoded(images[0]))
    (tmp_path / ".hidden").write_bytes(b"left by a file manager")
    read = images_zip.read(tmp_path)
    assert read.names == ["a.png", "b.png"]
    assert np.array_equal(read.images, images)


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SubmissionInvalid, match="an empty folder"):
        images_zip.read(tmp_path)
    (tmp_path / "a.png").write_bytes(GOOD)
    with pytest.raises(SubmissionInvalid, match="1 files instead of 2"):
        images_zip.read(tmp_path, count=2)
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SubmissionInvalid, match=r"notes\.txt is no PNG"):
        images_zip.read(tmp_path)
