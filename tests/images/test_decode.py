"""Decoding against pictures whose pixels are known, made here for every kind of file."""

import io
import random
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.images import decode
from pipeline.images.decode import Unreadable
from tests.factories import (
    JPEG_LEVELS,
    ORIENTATIONS,
    encode,
    exif,
    jpeg,
    noise,
    photo,
    stored,
)

PHOTO = photo(48, 32)


def decoded(data: bytes) -> np.ndarray:
    image = decode.rgb(data)
    assert image.mode == "RGB"
    return np.asarray(image)


def largest_difference(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def grey(picture: np.ndarray) -> np.ndarray:
    """A one-channel picture as RGB."""
    return np.repeat(picture[:, :, None], 3, axis=2)


# --- every kind of file ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_lossless_file_gives_its_very_pixels(kind: str, options: dict[str, object]) -> None:
    np.testing.assert_array_equal(decoded(encode(PHOTO, kind, **options)), PHOTO)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_jpeg(options: dict[str, object]) -> None:
    assert largest_difference(decoded(jpeg(PHOTO, **options)), PHOTO) <= JPEG_LEVELS


def test_greyscale() -> None:
    level = PHOTO[:, :, 0]
    np.testing.assert_array_equal(decoded(encode(level, "PNG")), grey(level))
    assert largest_difference(decoded(jpeg(level)), grey(level)) <= JPEG_LEVELS


def test_black_and_white() -> None:
    dots = PHOTO[:, :, 0] > 100
    np.testing.assert_array_equal(
        decoded(encode(Image.fromarray(dots), "PNG")), grey(255 * dots.astype(np.uint8))
    )


def test_palette() -> None:
    image = Image.fromarray(PHOTO).quantize(32)
    np.testing.assert_array_equal(decoded(encode(image, "PNG")), np.asarray(image.convert("RGB")))


def test_a_transparent_palette_entry_is_white() -> None:
    colours = np.array([[200, 10, 20], [10, 200, 20], [0, 0, 0]], np.uint8)
    numbers = np.arange(48 * 32).reshape(32, 48) % 3
    image = Image.fromarray(numbers.astype(np.uint8)).copy()
    image.putpalette(colours.tobytes())
    colours[1] = 255
    for transparency in (1, b"\xff\x00\xff"):
        data = encode(image, "PNG", transparency=transparency)
        np.testing.assert_array_equal(decoded(data), colours[numbers])


def test_a_transparent_colour_is_white() -> None:
    picture = PHOTO.copy()
    picture[5:9, 7:11] = (1, 2, 3)
    truth = picture.copy()
    truth[5:9, 7:11] = 255
    data = encode(picture, "PNG", transparency=(1, 2, 3))
    np.testing.assert_array_equal(decoded(data), truth)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_on_white(kind: str) -> None:
    alpha = np.zeros((32, 48, 1), np.uint8)
    alpha[:, 12:24] = 255
    alpha[:, 24:] = 128
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = decoded(encode(np.concatenate([PHOTO, alpha], axis=2), kind, **options))
    share = alpha / 255
    # Half a level for the rounding, and half for Pillow's integer blending.
    truth = PHOTO * share + 255 * (1 - share)
    assert np.abs(found - truth).max() <= 1
    np.testing.assert_array_equal(found[:, :12], 255)
    np.testing.assert_array_equal(found[:, 12:24], PHOTO[:, 12:24])


def test_grey_with_alpha() -> None:
    picture = PHOTO[:, :, :2].copy()
    picture[:, :, 1] = 0
    picture[:, 20:, 1] = 255
    found = decoded(encode(Image.fromarray(picture, "LA"), "PNG"))
    np.testing.assert_array_equal(found[:, :20], 255)
    np.testing.assert_array_equal(found[:, 20:], grey(picture[:, 20:, 0]))


def test_cmyk() -> None:
    """Inks by the plain formula R = 255·(1-C)·(1-K); Photoshop's JPEGs store them inverted."""
    inks = np.zeros((32, 48, 4), np.uint8)
    inks[:, :, 0] = PHOTO[:, :, 0]
    inks[:, :, 1] = 40
    inks[:, :, 3] = 80
    truth = 255 * (1 - inks[:, :, :3] / 255) * (1 - inks[:, :, 3:] / 255)
    image = Image.frombytes("CMYK", (48, 32), inks.tobytes())
    assert np.abs(decoded(encode(image, "TIFF")) - truth).max() <= 1.5
    assert np.abs(decoded(jpeg(image)) - truth).max() <= JPEG_LEVELS


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    levels = np.linspace(0, 65535, 48 * 32).astype(np.uint16).reshape(32, 48)
    truth = grey(np.round(levels / 257).astype(np.uint8))
    found = decoded(encode(Image.fromarray(levels), kind))
    assert largest_difference(found, truth) <= 1  # PPM: older Pillow halves on another side
    assert found.min() == 0 and found.max() == 255
    clipped = np.asarray(Image.fromarray(levels.astype(np.int32)).convert("RGB"))
    assert largest_difference(clipped, truth) > 200  # the known mistake would be seen


def png_of_16_bits(deep: np.ndarray) -> bytes:
    """An RGB PNG of (height, width, 3) uint16, by PNG's specification."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in (
        (b"IHDR", struct.pack(">IIBBBBB", deep.shape[1], deep.shape[0], 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        checksum = zlib.crc32(kind + content)
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
    return data


def test_16_bit_colour() -> None:
    np.testing.assert_array_equal(decoded(png_of_16_bits(PHOTO.astype(np.uint16) * 257)), PHOTO)


# --- more than 8 bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("bits", "white"), [(8, 255), (12, 4095), (16, 65535)])
def test_grey_of_fewer_bits_in_16_is_scaled_by_its_range(kind: str, bits: int, white: int) -> None:
    """Microscopes and cameras write 12 bits into 16; as 16 they would be nearly black."""
    values = np.linspace(0, white, 48 * 32).astype(np.uint16).reshape(32, 48)
    truth = grey(np.round(values / white * 255).astype(np.uint8))
    found = decoded(encode(Image.fromarray(values), kind))
    assert largest_difference(found, truth) <= 1, bits
    assert found.min() == 0 and found.max() == 255


@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_grey_of_32_bits_is_scaled_by_its_range(white: int) -> None:
    values = np.linspace(0, white, 48 * 32).astype(np.int32).reshape(32, 48)
    truth = grey(np.round(values / white * 255).astype(np.uint8))
    assert largest_difference(decoded(encode(Image.fromarray(values), "TIFF")), truth) <= 1


@pytest.mark.parametrize("outside", [-1, 65536, 2**31 - 1])
def test_grey_of_32_bits_beyond_16_has_no_known_range(outside: int) -> None:
    values = np.full((8, 8), 100, np.int32)
    values[3, 3] = outside
    with pytest.raises(Unreadable, match=r"^grey values outside 0 to 65535$"):
        decode.rgb(encode(Image.fromarray(values), "TIFF"))


def test_a_dark_image_keeps_the_white_that_its_file_states() -> None:
    """A PPM states its maximum; its values here are at most a sixteenth of that."""
    rows = np.linspace(0, 4095, 48 * 32).astype(">u2").reshape(32, 48)
    data = b"P5 48 32 65535\n" + rows.tobytes()
    truth = grey(np.round(rows / 257).astype(np.uint8))
    assert largest_difference(decoded(data), truth) <= 1


def tiff_of_12_bits(values: np.ndarray) -> bytes:
    """A TIFF with 12 bits a sample, packed, by TIFF 6.0; no writer of Pillow makes it."""
    height, width = values.shape
    pairs = values.astype(np.uint32).reshape(-1, 2)
    both = pairs[:, 0] << 12 | pairs[:, 1]
    strip = np.stack([both >> 16, both >> 8 & 255, both & 255], axis=-1).astype(np.uint8).tobytes()
    tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(strip))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory


def test_a_dark_tiff_of_12_bits_is_scaled_by_what_it_states() -> None:
    """All its values would fit 8 bits, but the file says 12."""
    values = (np.arange(32 * 48).reshape(32, 48) % 200).astype(np.uint16)
    truth = grey(np.round(values / 4095 * 255).astype(np.uint8))
    found = decoded(tiff_of_12_bits(values))
    assert largest_difference(found, truth) <= 1 and found.max() < 14


def test_colour_of_12_bits_in_16_is_refused() -> None:
    """Pillow keeps the upper half of the 16 bits, where hardly anything is left of it."""
    deep = PHOTO.astype(np.uint16) * 16
    with pytest.raises(Unreadable, match=r"^colour of 12 bits or fewer, stored in 16$"):
        decode.rgb(png_of_16_bits(deep))
    assert decoded(png_of_16_bits(deep * 16)).max() > 200


# --- metadata ------------------------------------------------------------------------------------


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(content)) + kind + content
    chunk += struct.pack(">I", zlib.crc32(kind + content))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize(("kind", "head"), [(b"zTXt", b"Comment\0\0"), (b"iCCP", b"profile\0\0")])
def test_much_metadata_in_a_png_does_not_matter(kind: bytes, head: bytes) -> None:
    data = encode(PHOTO, "PNG")
    found = decoded(with_chunk(data, kind, head + zlib.compress(bytes(3 << 20))))
    np.testing.assert_array_equal(found, PHOTO)
    # Beyond the limit it may be a bomb.
    much = head + zlib.compress(bytes((16 << 20) + 1))
    with pytest.raises(Unreadable, match=r"^metadata over 16 MiB$"):
        decode.rgb(with_chunk(data, kind, much))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_several(kind: str) -> None:
    frames = [
        Image.fromarray(np.full((32, 48, 3), colour, np.uint8))
        for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    ]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decoded(data), np.asarray(frames[0]))


def test_multi_picture_jpeg() -> None:
    """What many phones write."""
    data = encode(
        Image.fromarray(PHOTO),
        "MPO",
        save_all=True,
        append_images=[Image.fromarray(255 - PHOTO)],
        quality=95,
        subsampling=0,
    )
    assert largest_difference(decoded(data), PHOTO) <= JPEG_LEVELS


# --- EXIF --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_is_applied_once(orientation: int, kind: str) -> None:
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = encode(stored(PHOTO, orientation), kind, exif=exif(orientation), **options)
    picture = decode.EncodedImage(data)
    assert picture.size == (48, 32)
    if kind != "TIFF":
        assert picture.stored_size == ((32, 48) if orientation >= 5 else (48, 32))
    limit = JPEG_LEVELS if kind == "JPEG" else 0
    assert largest_difference(np.asarray(picture.decode()[0]), PHOTO) <= limit


@pytest.mark.parametrize("tags", [exif(0), exif(9), b"Exif\0\0no tags", b"Exif\0\0II*\0\xff"])
def test_a_picture_with_unusable_exif_is_taken_as_stored(tags: Image.Exif | bytes) -> None:
    data = jpeg(PHOTO, exif=tags)
    assert largest_difference(decoded(data), PHOTO) <= JPEG_LEVELS


# --- what is no picture ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "progressive", "GIF", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_an_error(kind: str, share: float) -> None:
    image = noise(1, 64)[0]
    data = jpeg(image, progressive=True) if kind == "progressive" else encode(image, kind)
    with pytest.raises(Unreadable):
        decode.rgb(data[: int(len(data) * share)])


def test_a_truncated_jpeg_is_an_error_at_reduced_size_too() -> None:
    image = noise(1, 512)[0]
    for progressive in (False, True):
        data = jpeg(image, quality=60, progressive=progressive)
        with pytest.raises(Unreadable, match=r"^truncated$"):
            decode.EncodedImage(data[: len(data) // 2]).decode(shrink=4)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", bytes(5000)],
)
def test_what_is_no_picture_says_so_in_the_same_words(data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^not an image$"):
        decode.rgb(data)


def bomb(side: int) -> bytes:
    """A small PNG whose header promises side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    data += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    content = zlib.compress(bytes(1000))
    data += struct.pack(">I", len(content)) + b"IDAT" + content
    return data + struct.pack(">I", zlib.crc32(b"IDAT" + content))


@pytest.mark.parametrize("side", [9_500, 12_000, 60_000])  # below, at and above Pillow's own bounds
def test_a_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(Unreadable, match=r"^too many pixels$"):
        decode.EncodedImage(bomb(side))


def test_floating_point_pixels_have_no_range_to_convert_from() -> None:
    with pytest.raises(Unreadable, match="floating-point"):
        decode.rgb(encode(Image.new("F", (8, 8), 0.5), "TIFF"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_random_damage_gives_a_picture_or_unreadable_and_nothing_else(kind: str) -> None:
    rng = random.Random(kind)
    whole = encode(PHOTO, kind, **({"exif": exif(6)} if kind == "JPEG" else {}))
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            image = decode.rgb(bytes(data))
        except Unreadable as error:
            assert len(str(error)) < 40 and "0x" not in str(error)
        else:
            assert image.mode == "RGB"


def test_pillows_warnings_are_kept_in_and_nobody_elses() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with decode.without_warnings():
            Image.open(io.BytesIO(bomb(12_000)))
            warnings.warn("ours", stacklevel=1)
        Image.open(io.BytesIO(bomb(12_000)))
    assert [each.category for each in heard] == [UserWarning, Image.DecompressionBombWarning]


# --- reduced decoding --------------------------------------------------------------------------


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_a_reduced_jpeg_is_the_mean_of_its_squares(shrink: int, progressive: bool) -> None:
    side = 24 * shrink
    truth = photo(side, side).reshape(24, shrink, 24, shrink, 3).mean(axis=(1, 3))
    image, got = decode.EncodedImage(jpeg(photo(side, side), progressive=progressive)).decode(
        shrink=shrink
    )
    assert got == shrink and image.size == (24, 24)
    assert np.abs(np.asarray(image) - truth).max() <= JPEG_LEVELS


def test_what_cannot_be_reduced_comes_at_full_size() -> None:
    for data in (encode(PHOTO, "PNG"), jpeg(PHOTO, exif=exif(6))):
        image, got = decode.EncodedImage(data).decode(shrink=2)
        assert got == 1 and sorted(image.size) == [32, 48]


def test_decoding_processes_start_without_torch() -> None:
    code = "import sys, pipeline.data.cropping.crops; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
