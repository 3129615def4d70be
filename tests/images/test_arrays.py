"""Arrays of images against closed forms: other sides and channels, grids, PNG, a network's view."""

import io
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from tests.factories import noise, photo

# --- conform ------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_the_shape_are_not_copied(channels: int) -> None:
    images = noise(2, 16, channels=channels)
    assert arrays.conform(images, ImageShape(16, channels)) is images


@pytest.mark.parametrize("to_channels", [1, 3])
@pytest.mark.parametrize("from_channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 32, 128])
def test_a_grey_plane_stays_as_it_is(side_px: int, from_channels: int, to_channels: int) -> None:
    levels = np.array([0, 1, 77, 128, 254, 255], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (6, side_px, side_px, from_channels))
    found = arrays.conform(images, ImageShape(64, to_channels))
    assert found.shape == (6, 64, 64, to_channels) and found.dtype == np.uint8
    assert (found == levels[:, None, None, None]).all()


def test_grey_becomes_three_equal_channels_and_comes_back() -> None:
    grey = noise(3, 16, channels=1)
    rgb = arrays.conform(grey, ImageShape(16, 3))
    assert np.array_equal(rgb, np.repeat(grey, 3, axis=3))
    assert np.array_equal(arrays.conform(rgb, ImageShape(16, 1)), grey)


def test_rgb_becomes_its_luma() -> None:
    """ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B. Pillow's weights have 16 bits, so that half a
    level and three rounding errors of 255 · 2^-17 are between the two. Another order of the
    channels, or their plain mean, is far off."""
    pure = np.zeros((1, 2, 2, 3), np.uint8)
    pure[0, 0, 0, 0] = pure[0, 0, 1, 1] = pure[0, 1, 0, 2] = 255
    assert arrays.conform(pure, ImageShape(2, 1)).ravel().tolist() == [76, 150, 29, 0]
    images = noise(4, 16)
    found = arrays.conform(images, ImageShape(16, 1))
    assert found.shape == (4, 16, 16, 1)
    assert np.abs(found[..., 0] - images @ [0.299, 0.587, 0.114]).max() <= 0.5 + 0.006
    assert np.abs(found[..., 0] - images.mean(axis=3)).max() > 20


@pytest.mark.parametrize("side_px", [16, 128])
def test_each_channel_is_resized_alone(side_px: int) -> None:
    """To the bit: RGB of three equal channels gives what grey gives."""
    grey = noise(3, side_px, channels=1)
    rgb = np.repeat(grey, 3, axis=3)
    expected = np.repeat(arrays.conform(grey, ImageShape(64, 1)), 3, axis=3)
    assert np.array_equal(arrays.conform(rgb, ImageShape(64, 3)), expected)
    assert np.array_equal(arrays.conform(grey, ImageShape(64, 3)), expected)


@pytest.mark.parametrize("side_px", [16, 32, 128])
def test_another_side_is_pillows_bicubic_one(side_px: int) -> None:
    images = noise(2, side_px)
    found = arrays.conform(images, ImageShape(64, 3))
    for ours, image in zip(found, images, strict=True):
        theirs = Image.fromarray(image).resize((64, 64), Image.Resampling.BICUBIC)
        assert np.array_equal(ours, np.asarray(theirs))


def test_shrinking_keeps_the_mean_of_each_square() -> None:
    """A linear ramp, away from the rim. Each second pixel would be half a step off."""
    ramp = np.repeat(np.arange(0, 256, 2, np.uint8)[None, :, None], 128, axis=0)[None]
    found = arrays.conform(ramp, ImageShape(64, 1))[0, :, 4:-4, 0].astype(float)
    mean = ramp.reshape(64, 2, 64, 2).mean(axis=(1, 3))[:, 4:-4]
    assert np.abs(found - mean).max() <= 0.5
    assert np.abs(ramp[0, ::2, ::2, 0].astype(float)[:, 4:-4] - mean).max() == 1


def test_shrinking_is_antialiased() -> None:
    """Black and white columns by turns become an even grey; each second one would be black."""
    columns = np.zeros((1, 128, 128, 1), np.uint8)
    columns[:, :, 1::2] = 255
    inner = arrays.conform(columns, ImageShape(64, 1))[0, 8:-8, 8:-8]
    assert np.abs(inner.astype(int) - 127).max() <= 12


def test_mirrored_and_read_only_views_are_taken() -> None:
    images = noise(2, 32)
    images.flags.writeable = False
    mirrored = arrays.conform(images[:, :, ::-1], ImageShape(16, 3))
    assert np.array_equal(mirrored, arrays.conform(images[:, :, ::-1].copy(), ImageShape(16, 3)))


def test_no_images_are_no_images() -> None:
    assert arrays.conform(np.empty((0, 32, 32, 1), np.uint8), ImageShape(64, 3)).shape == (
        (0, 64, 64, 3)
    )


BAD_ARRAYS = {
    "float": np.zeros((2, 64, 64, 3), np.float32),
    "channels first": np.zeros((2, 3, 64, 64), np.uint8),
    "one image": np.zeros((64, 64, 3), np.uint8),
    "not square": np.zeros((2, 64, 32, 3), np.uint8),
    "two channels": np.zeros((2, 64, 64, 2), np.uint8),
    "with alpha": np.zeros((2, 64, 64, 4), np.uint8),
}


@pytest.mark.parametrize("fault", BAD_ARRAYS)
def test_what_holds_no_images_is_one_line(fault: str) -> None:
    array = BAD_ARRAYS[fault]
    with pytest.raises(InputError, match=r"\(N, side, side, 1 or 3\)") as caught:
        arrays.conform(array, ImageShape(64, 3))
    assert str(caught.value).endswith(f"not {array.dtype} {array.shape}")
    with pytest.raises(InputError, match="this file: must be"):
        arrays.shape_of(array, "this file")


def test_shape_of() -> None:
    assert arrays.shape_of(noise(2, 28, channels=1), "images") == ImageShape(28, 1)
    assert arrays.shape_of(noise(0, 64), "images") == ImageShape(64, 3)


def test_duplicates_count_the_repeats() -> None:
    images = noise(6, 16, channels=1)
    images[3] = images[0]
    images[4] = images[0]
    assert arrays.duplicates(images) == 2


# --- grids, files, a network's view -------------------------------------------------------------


def test_squash_is_the_mean_where_the_side_divides() -> None:
    """A constant stays; a linear ramp keeps the mean of each square, away from the rim."""
    image = Image.fromarray(photo(192, 128))
    found = arrays.squash(image, 32)
    assert found.shape == (32, 32, 3) and found.dtype == np.uint8
    mean = photo(192, 128).reshape(32, 4, 32, 6, 3).mean(axis=(1, 3))
    assert np.abs(found - mean)[1:-1, 1:-1].max() <= 1.5


@pytest.mark.parametrize("channels", [1, 3])
def test_grid(channels: int) -> None:
    shape = (5, 2, 3, channels)
    images = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones(shape, np.uint8)
    sheet = arrays.grid(images, 3, gap_px=1, gap=99)
    truth = np.array(
        [
            [1, 1, 1, 99, 2, 2, 2, 99, 3, 3, 3],
            [1, 1, 1, 99, 2, 2, 2, 99, 3, 3, 3],
            [99] * 11,
            [4, 4, 4, 99, 5, 5, 5, 99, 99, 99, 99],
            [4, 4, 4, 99, 5, 5, 5, 99, 99, 99, 99],
        ]
    )
    np.testing.assert_array_equal(sheet, np.repeat(truth[:, :, None], channels, axis=2))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_encode_png_holds_the_image_and_nothing_else(channels: int, mode: str) -> None:
    image = photo(48, 32)[..., :channels]
    data = arrays.encode_png(image)
    assert data == arrays.encode_png(image)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == mode
        np.testing.assert_array_equal(arrays.from_pillow(opened), image)
    kinds, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kinds.append(data[position + 4 : position + 8])
        position += 12 + length
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def test_ranges_and_layout_there_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(2, 8, 16, 3)
    signed = arrays.to_signed(images)
    assert signed.shape == (2, 3, 8, 16) and signed.dtype == torch.float32
    assert signed.min() == -1 and signed.max() == 1
    assert signed[1, 2, 3, 4] == images[1, 3, 4, 2] / 127.5 - 1
    assert torch.equal(arrays.to_bytes(signed), images)
    assert torch.equal(arrays.to_bytes(arrays.to_signed(images[..., :1])), images[..., :1])
    outside = torch.tensor([-1.5, 1.5, 0.0]).reshape(1, 3, 1, 1)
    # 127.5 rounds to the even 128.
    assert arrays.to_bytes(outside).flatten().tolist() == [0, 255, 128]
