"""What anybody's zip or folder holds is read; what the evaluator would refuse is refused."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.competitions.form import SubmissionFormat
from pipeline.images.shape import ImageShape
from pipeline.submission import guess, reader
from pipeline.submission.decoding import SubmissionInvalid
from tests.factories import jpeg, noise, png
from tests.forms import DOGS, MONET
from tests.submission.foreign import SMALL_GREY, chunk, write

FORM = DOGS

# --- zips ---------------------------------------------------------------------------------------


def test_a_zip_of_another_tool_is_taken_in_name_order(tmp_path: Path) -> None:
    images = noise(3, 64)
    entries = {f"{name}.PNG": png(image) for name, image in zip("cab", images, strict=True)}
    path = write(tmp_path / "images.zip", entries, compression=zipfile.ZIP_DEFLATED)
    read = reader.read(path, FORM, count=3)
    assert read.names == ["a.PNG", "b.PNG", "c.PNG"]
    assert np.array_equal(read.images, images[[1, 2, 0]])


def deep_colour() -> bytes:
    """A valid 16-bit RGB PNG, which Pillow opens as mode RGB."""
    header = struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)
    rows = zlib.compress(bytes(64 * (1 + 64 * 6)))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def damaged() -> bytes:
    """One pixel byte flipped: the chunk's checksum no longer fits."""
    content = bytearray(png(noise(1, 64)[0]))
    content[len(content) // 2] ^= 1
    return bytes(content)


def animated() -> bytes:
    first, second = (Image.fromarray(image) for image in noise(2, 64))
    buffer = io.BytesIO()
    first.save(buffer, "png", save_all=True, append_images=[second])
    return buffer.getvalue()


GOOD = png(noise(1, 64)[0])
GREY = png(noise(1, 64)[0][..., 0])
ALPHA = png(np.concatenate([noise(1, 64)[0], noise(1, 64)[0][..., :1]], axis=2))

BAD_FILES = {
    "size": (png(noise(1, 32)[0]), "32x32 pixels"),
    "greyscale": (GREY, "greyscale"),
    "alpha": (ALPHA, "RGBA"),
    "16 bits": (deep_colour(), "16-bit RGB"),
    "a JPEG under a .png name": (jpeg(noise(1, 64)[0]), "no PNG"),
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


@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_bad_image_is_one_line_that_names_it(tmp_path: Path, fault: str) -> None:
    content, reason = BAD_FILES[fault]
    path = write(tmp_path / "images.zip", {"0.png": GOOD, "bad.png": content})
    with pytest.raises(SubmissionInvalid, match=reason) as caught:
        reader.check_zip(path, FORM, count=2)
    assert "images.zip: bad.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def encrypted(path: Path) -> None:
    write(path, {"0.png": GOOD})
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
    write(path, {"0.png": GOOD})
    path.write_bytes(path.read_bytes()[:-30])


def flipped(path: Path) -> None:
    write(path, {"0.png": GOOD})
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)


def undeflatable(path: Path) -> None:
    write(path, {"0.png": GOOD}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    content[40:60] = b"\xff" * 20
    path.write_bytes(content)


def unknown_method(path: Path) -> None:
    write(path, {"0.png": GOOD})
    content = bytearray(path.read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 97
    path.write_bytes(content)


def bomb(path: Path) -> None:
    write(path, {"0.png": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)


BAD_ZIPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nested": (lambda path: write(path, {"images/0.png": GOOD}), "lies in a folder"),
    "nested, in no folder": (lambda path: write(path, {"./0.png": GOOD}), "lies in a folder"),
    "nested, Windows": (lambda path: write(path, {"images\\0.png": GOOD}), "in a folder"),
    "a folder entry": (lambda path: write(path, {"images/": b""}), "lies in a folder"),
    "not named .png": (lambda path: write(path, {"0.jpg": GOOD}), "no PNG file"),
    "made on a Mac": (
        lambda path: write(path, {"0.png": GOOD, "__MACOSX/._0.png": b"x"}),
        r"__MACOSX/._0.png is no image: .*: zip -X images.zip \*.png",
    ),
    "made on a Mac, in a folder": (
        lambda path: write(path, {"0.png": GOOD, ".DS_Store": b"x"}),
        r".DS_Store is no image: a system leaves it .*: zip -X images.zip \*.png",
    ),
    "encrypted": (encrypted, "is encrypted"),
    "doubled": (doubled, "0.png is there twice"),
    "link": (link, "is a link"),
    "count": (lambda path: write(path, {"0.png": GOOD, "1.png": GOOD}), "2 files instead"),
    "empty": (lambda path: write(path, {}), "no images"),
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
        reader.check_zip(tmp_path / "images.zip", FORM, count=1)
    assert "\n" not in str(caught.value)


def interlaced(image: np.ndarray) -> bytes:
    """A PNG file in the seven passes of Adam7 (PNG specification, 8.2)."""
    rows = b""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    for top, left, down, right in [*passes, (1, 0, 2, 1)]:
        for row in image[top::down, left::right]:
            rows += b"\0" + row.tobytes() if row.size else b""
    side_px, _, channels = image.shape
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, {1: 0, 3: 2}[channels], 0, 0, 1)
    data = chunk(b"IDAT", zlib.compress(rows))
    return GOOD[:8] + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def test_valid_variants_of_png_are_taken(tmp_path: Path) -> None:
    """Interlaced, pixels over several chunks, text beside them: all valid, all the same pixels."""
    data = GOOD[33:-12]
    stream = data[8:-4]  # one IDAT: its length and name before, its checksum after
    split = GOOD[:33] + chunk(b"IDAT", stream[:99]) + chunk(b"IDAT", stream[99:]) + GOOD[-12:]
    titled = GOOD[:33] + chunk(b"tEXt", b"Title\0a dog") + GOOD[33:]
    path = write(
        tmp_path / "images.zip",
        {"0.png": interlaced(noise(1, 64)[0]), "1.png": split, "2.png": titled},
    )
    assert (reader.read(path, FORM, count=3).images == noise(1, 64)[0]).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side_px", [1, 2, 3, 5, 28, 128])
def test_other_formats_are_read_interlaced_or_not(
    tmp_path: Path, side_px: int, channels: int
) -> None:
    """Small sides leave passes of an interlaced file empty."""
    form = SubmissionFormat("another", ImageShape(side_px, channels), counts=(2, 2), name_digits=1)
    image = noise(1, side_px, channels=channels)[0]
    plain = png(image)
    path = write(tmp_path / "images.zip", {"0.png": interlaced(image), "1.png": plain})
    decoded = reader.read(path, form, count=2).images
    assert decoded.shape == (2, side_px, side_px, channels)
    assert (decoded == image).all()


def test_a_grey_format_takes_grey_alone(tmp_path: Path) -> None:
    for content, reason in [
        (png(noise(1, 28)[0]), "8-bit RGB, not 8-bit greyscale"),
        (GREY, "64x64 pixels, not 28x28"),
    ]:
        path = write(tmp_path / "images.zip", {"bad.png": content})
        with pytest.raises(SubmissionInvalid, match=f"bad.png is {reason}"):
            reader.read(path, SMALL_GREY)


def test_what_a_file_may_unpack_to_grows_with_the_format(tmp_path: Path) -> None:
    """A photo of 1,024 px has 3 MB of pixels; a file of 64 px that unpacks to as much is none."""
    form = SubmissionFormat("photos", ImageShape(1024, 3), counts=(1, 1), name_digits=1)
    path = write(tmp_path / "images.zip", {"0.png": png(noise(1, 1024)[0])})
    assert reader.read(path, form).images.shape == (1, 1024, 1024, 3)
    with pytest.raises(SubmissionInvalid, match="too many for a PNG of 64 px"):
        reader.read(path, FORM)


def test_a_missing_zip_is_named(tmp_path: Path) -> None:
    with pytest.raises(SubmissionInvalid, match=r"images\.zip: no such zip"):
        reader.check_zip(tmp_path / "images.zip", FORM, count=1)


def test_what_systems_leave_in_a_zip_is_passed_over_for_a_score(tmp_path: Path) -> None:
    left = (".DS_Store", "__MACOSX/", "__MACOSX/._b.png", "._a.png", "Thumbs.db", "desktop.ini")
    images = noise(2, 64)
    path = write(
        tmp_path / "images.zip",
        {name: b"x" for name in left} | {"b.png": png(images[1]), "a.png": png(images[0])},
    )
    assert guess.form_of(path).shape == FORM.shape
    read = reader.read(path, FORM, count=2)
    assert read.names == ["a.png", "b.png"]
    assert np.array_equal(read.images, images)
    # Of a dot's own name is no hidden file: what is refused for a submission is refused here too.
    with pytest.raises(SubmissionInvalid, match=r"\./0\.png lies in a folder"):
        reader.read(write(tmp_path / "dot.zip", {"./0.png": GOOD}), FORM)
    only_left = write(tmp_path / "left.zip", {name: b"x" for name in left})
    with pytest.raises(SubmissionInvalid, match=r"left\.zip: holds no images"):
        reader.read(only_left, FORM)
    with pytest.raises(SubmissionInvalid, match=r"left\.zip: holds no images"):
        guess.form_of(only_left)


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_of_pngs_reads_like_a_zip(tmp_path: Path) -> None:
    images = noise(2, 64)
    (tmp_path / "b.png").write_bytes(png(images[1]))
    (tmp_path / "a.png").write_bytes(png(images[0]))
    for name in (".hidden", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"left by a file manager")
    read = reader.read(tmp_path, FORM)
    assert read.names == ["a.png", "b.png"]
    assert np.array_equal(read.images, images)


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SubmissionInvalid, match="an empty folder"):
        reader.read(tmp_path, FORM)
    (tmp_path / "a.png").write_bytes(GOOD)
    with pytest.raises(SubmissionInvalid, match="1 files instead of 2"):
        reader.read(tmp_path, FORM, count=2)
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(SubmissionInvalid, match=r"notes\.txt is no PNG"):
        reader.read(tmp_path, FORM)


# --- JPEG ---------------------------------------------------------------------------------------

PAINTING = jpeg(noise(1, 256)[0])
BAD_PAINTINGS = {
    "a PNG under a .jpg name": (png(noise(1, 256)[0]), "is no JPEG"),
    "size": (jpeg(noise(1, 64)[0]), "is 64x64 pixels, not 256x256"),
    "grey": (jpeg(noise(1, 256)[0][..., 0]), "is L, not RGB"),
    "cut short": (PAINTING[: len(PAINTING) // 2], "broken JPEG"),
    "without its end": (PAINTING[:-2], "broken JPEG"),
    "a header and an end alone": (PAINTING[:400] + PAINTING[-2:], "broken JPEG"),
    "empty": (b"", "is no JPEG"),
}


@pytest.mark.parametrize("fault", BAD_PAINTINGS)
def test_a_bad_jpeg_is_one_line_that_names_it(tmp_path: Path, fault: str) -> None:
    content, reason = BAD_PAINTINGS[fault]
    path = write(tmp_path / "images.zip", {"0.jpg": PAINTING, "bad.jpg": content})
    with pytest.raises(SubmissionInvalid, match=reason) as caught:
        reader.check_zip(path, MONET, count=2)
    assert "images.zip: bad.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_must_be_those_of_the_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "images.zip", {"0.jpg": PAINTING, "1.JPEG": PAINTING})
    assert reader.check_zip(path, MONET, count=2).duplicates == 1
    write(tmp_path / "images.zip", {"0.png": PAINTING})
    with pytest.raises(SubmissionInvalid, match=r"0\.png is no JPEG file"):
        reader.check_zip(path, MONET, count=1)


# --- of any competition ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "shape", "encoding"),
    [
        (PAINTING, "0.jpg", ImageShape(256, 3), "JPEG"),
        (GOOD, "0.png", ImageShape(64, 3), "PNG"),
        (png(noise(1, 28, channels=1)[0]), "0.png", ImageShape(28, 1), "PNG"),
    ],
)
def test_the_first_file_tells_the_format(
    tmp_path: Path, content: bytes, name: str, shape: ImageShape, encoding: str
) -> None:
    path = write(tmp_path / "images.zip", {name: content, "x.txt": b""})
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).write_bytes(content)
    for place in (path, folder):
        form = guess.form_of(place)
        assert (form.shape, form.encoding.name) == (shape, encoding)
    assert reader.read(folder, guess.form_of(folder)).images.shape[1] == shape.side_px


@pytest.mark.parametrize("entries", [{}, {"a.txt": b"words"}])
def test_what_holds_no_image_first_has_no_format(tmp_path: Path, entries: dict[str, bytes]) -> None:
    with pytest.raises(SubmissionInvalid, match=r"images\.zip: "):
        guess.form_of(write(tmp_path / "images.zip", entries))
