"""Images as data URIs: right, and never larger than the limit."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.report import pictures
from tests.factories import noise, photo


def decoded(picture: pictures.EmbeddedImage) -> Image.Image:
    kind, _, content = picture.uri.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_picture_comes_back_as_it_was_within_the_codecs_loss() -> None:
    image = Image.fromarray(photo(64, 64))
    picture = pictures.embed(image, max_bytes=100_000, alt="a photo")
    assert (picture.width, picture.height) == decoded(picture).size == (64, 64)
    error = np.abs(np.asarray(decoded(picture).convert("RGB"), int) - np.asarray(image, int))
    assert error.mean() < 3


@pytest.mark.parametrize("max_bytes", [40_000, 5_000, 300])
def test_noise_stays_within_its_bytes(max_bytes: int) -> None:
    # Noise is what no codec shrinks: early training looks like it.
    image = Image.fromarray(noise(1, 530)[0])
    picture = pictures.embed(image, max_bytes=max_bytes, alt="noise")
    assert len(base64.b64decode(picture.uri.partition(",")[2])) <= max_bytes
    assert (picture.width, picture.height) == decoded(picture).size


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_holds_its_images_in_reading_order(channels: int) -> None:
    shades = np.stack([np.full((16, 16, channels), level, np.uint8) for level in (0, 80, 160)])
    grid = decoded(pictures.embed_grid(shades, 2, max_bytes=9_000, alt="")).convert("L")
    assert grid.size == (34, 34)
    for (x, y), level in {(8, 8): 0, (26, 8): 80, (8, 26): 160}.items():
        assert abs(grid.getpixel((x, y)) - level) < 8


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_missing_or_broken_file_gives_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    assert pictures.embed_file(path, max_bytes=1000, alt="") is None


def test_spread_takes_from_the_whole_length() -> None:
    array = np.arange(10)
    np.testing.assert_array_equal(pictures.spread(array, 5), [0, 2, 4, 6, 8])
    np.testing.assert_array_equal(pictures.spread(array, 50), array)
