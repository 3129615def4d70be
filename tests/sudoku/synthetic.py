"""Digits for tests of the pages: drawn with a font in the place of a generator's samples."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.images import arrays
from pipeline.sudoku.digits.pool import Picture, Pool, Reject
from pipeline.sudoku.preparation import Supply

SIDE_PX = 32


def drawn(digit: int, number: int) -> np.ndarray:
    """Return one of the many drawings of a digit, uint8 (32, 32, 1), bright on dark."""
    rng = np.random.default_rng((digit, number))
    image = Image.new("L", (SIDE_PX, SIDE_PX))
    x, y = rng.uniform(-2, 2, 2)
    font = ImageFont.load_default(float(rng.uniform(22, 30)))
    ImageDraw.Draw(image).text((16 + x, 16 + y), str(digit), 255, font, anchor="mm")
    turned = image.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC)
    return arrays.from_pillow(turned)


def pool(each: int = 20) -> Pool:
    """Return a pool of such drawings."""
    return Pool(
        pictures=tuple(
            tuple(
                Picture(digit, 0.95 - 0.001 * number, arrays.encode_png(drawn(digit, number)))
                for number in range(each)
            )
            for digit in range(10)
        ),
        tried=(2 * each,) * 10,
        rejects=tuple(
            Reject(3, digit, 0.4, arrays.encode_png(drawn(digit, 1000))) for digit in range(5)
        ),
        is_conditional=True,
    )


def supply() -> Supply:
    """Return what the app needs, with these drawings."""
    return Supply(
        pool=pool(),
        source="drawings with a font",
        family="dcgan",
        images_seen=60_000,
        test_accuracy=0.98,
        test_images=297,
    )
