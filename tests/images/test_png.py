"""The PNG encoder: exact pixels through an independent decoder, the specification's Paeth rule."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.images import png


def samples(count: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Half noise, half smooth, so that every branch of the predictor is taken."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (count, height, width, channels), np.uint8)
    ramp = np.add.outer(np.arange(height), np.arange(width))[None, :, :, None]
    smooth = (ramp * random.integers(1, 5, (count, 1, 1, channels))).astype(np.uint8)
    return np.where(np.arange(count)[:, None, None, None] % 2, noise, smooth)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 64, 64), (130, 5, 9)])
def test_pillow_decodes_the_same_pixels(
    shape: tuple[int, int, int], channels: int, mode: str
) -> None:
    images = samples(*shape, channels)
    decoded = [Image.open(io.BytesIO(file)) for file in png.encode(images)]
    assert {image.mode for image in decoded} == {mode}
    assert np.array_equal(np.stack(decoded).reshape(images.shape), images)


def test_rows_follow_the_specification_pixel_by_pixel() -> None:
    """PNG 9.4, byte by byte: the order of the tie-break (left, above, corner) decides the bytes."""
    image = samples(2, 7, 6)[1].astype(int)
    (file,) = png.encode(image[None].astype(np.uint8))
    start = file.index(b"IDAT") + 4
    length = int.from_bytes(file[start - 8 : start - 4], "big")
    rows = np.frombuffer(zlib.decompress(file[start : start + length]), np.uint8).reshape(7, 19)
    assert (rows[:, 0] == 4).all()
    for y in range(7):
        for x in range(6):
            for c in range(3):
                a = image[y, x - 1, c] if x else 0
                b = image[y - 1, x, c] if y else 0
                d = image[y - 1, x - 1, c] if x and y else 0
                p = a + b - d
                best = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - d), 2, d))[2]
                assert rows[y, 1 + 3 * x + c] == (image[y, x, c] - best) % 256


def test_same_bytes_whatever_the_block() -> None:
    """An image's file depends on its pixels alone, not on its neighbours in the block."""
    images = samples(70, 8, 8)
    together = list(png.encode(images))
    assert together == [next(png.encode(image[None])) for image in images]
