"""Any common image file, decoded safely to RGB.

No torch at import, so that a pool of decoding processes starts quickly.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image

from pipeline.common.errors import InputError

# Below Pillow's own bound, and such that one picture's pixels take at most 240 MB.
MAX_PIXELS = 80_000_000
# What transparent pixels are laid on.
BACKGROUND = (255, 255, 255)
# Named one by one, because Pillow also reads formats that start other programs (EPS).
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # JPEG finds MPO by itself
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Unreadable(InputError):
    """A file is no picture, or a damaged one. The message is short and the same on every run."""


class Picture:
    """A picture file, opened; `decode` gives its pixels, once.

    Attributes:
        size: (width, height) of the upright picture, EXIF orientation applied.
        stored_size: (width, height) as stored; differs from `size` for a quarter turn.
        orientation: EXIF's 1 to 8; 1 where there is none, and for TIFF, which Pillow turns itself.

    Raises:
        Unreadable: on opening, when it is no picture or has more than `MAX_PIXELS` pixels; those
            are not decoded then.
    """

    def __init__(self, data: bytes) -> None:
        with _foreign_code():
            try:
                self._image = Image.open(io.BytesIO(data), formats=_FORMATS)
            except Image.UnidentifiedImageError:
                raise Unreadable("not a picture") from None
            self.stored_size = self._image.size
            if math.prod(self.stored_size) > MAX_PIXELS:
                raise Unreadable("too many pixels")
            if self._image.format == "TIFF":
                self._image.load()
                self.stored_size = self._image.size
                self.orientation = 1
            else:
                self.orientation = _orientation(self._image)
        width, height = self.stored_size
        self.size = (height, width) if self.orientation >= 5 else (width, height)

    def decode(self, *, shrink: int = 1) -> tuple[Image.Image, int]:
        """The upright RGB pixels, 8 bits each.

        Args:
            shrink: 1, 2, 4 or 8; a JPEG is decoded at this fraction of its size, by a smaller
                inverse DCT, where the decoder can. Turned pictures keep their size: a last,
                partly filled pixel would come to lie on the first side.

        Returns:
            The picture, and the shrink that it got: pixel (x, y) covers the square from
            (x·shrink, y·shrink) of the full size. Greyscale, palette and CMYK are converted,
            16 bits scaled to 8, transparency laid on white, an animation's first frame taken;
            embedded colour profiles are not applied.

        Raises:
            Unreadable: truncated or damaged data, or floating-point pixels.
        """
        image = self._image
        with _foreign_code():
            got = 1
            if shrink > 1 and self.orientation == 1 and image.format in ("JPEG", "MPO"):
                width, height = image.size
                drafted = image.draft("RGB", (max(1, width // shrink), max(1, height // shrink)))
                got = round(width / drafted[1][2]) if drafted else 1
            image.load()
            if self.orientation != 1:
                image = image.transpose(_TURN[self.orientation])
            return _to_rgb(image), got


def rgb(data: bytes) -> Image.Image:
    """A picture file's upright RGB pixels at full size; see `Picture.decode`."""
    return Picture(data).decode()[0]


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep Pillow's warnings about damaged files to itself: what cannot be read is reported as
    `Unreadable`, and the rest is as every viewer shows it.

    Python keeps its filters of warnings for the whole process: enter once, around the threads.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def _foreign_code() -> Iterator[None]:
    """Where Pillow works on bytes from outside: whatever it raises becomes `Unreadable`.

    Its decoders raise OSError, SyntaxError, ValueError, struct.error, IndexError and more, as the
    damage has it; in here no code of ours runs that could fail on its own.
    """
    try:
        yield
    except (Unreadable, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise Unreadable("too many pixels") from None
    except Exception as error:
        cut = "truncated" in str(error).lower()
        raise Unreadable("truncated" if cut else "damaged") from error


def _orientation(image: Image.Image) -> int:
    try:
        with _foreign_code():
            value = image.getexif().get(ExifTags.Base.Orientation)
    except Unreadable:
        return 1  # damaged EXIF: the picture as it is stored, as every viewer shows it
    return value if value in _TURN else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16 bits; older Pillow holds them in 32
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise Unreadable("more than 16 bits a channel")
        return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert(
            "RGB"
        )
    if image.mode == "F":
        raise Unreadable("floating-point pixels")
    if image.has_transparency_data:
        on_top = image.convert("RGBA")
        below = Image.new("RGBA", on_top.size, (*BACKGROUND, 255))
        return Image.alpha_composite(below, on_top).convert("RGB")
    return image.convert("RGB")
