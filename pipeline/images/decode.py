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
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from pipeline.common.errors import InputError

# Below Pillow's own bound, and such that one image's pixels take at most 240 MB.
MAX_PIXELS = 80_000_000
# What transparent pixels are laid on where nothing else is asked for.
BACKGROUND = (255, 255, 255)
# Named one by one, because Pillow also reads formats that start other programs (EPS).
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")  # JPEG finds MPO by itself
# Pillow refuses a PNG with more than 1 MiB in one text or colour profile; scanners and editors
# write more. Still a bound: a chunk can hold a thousand times its size.
METADATA_LIMIT_BYTES = 16 << 20
PngImagePlugin.MAX_TEXT_CHUNK = METADATA_LIMIT_BYTES
# White in grey samples of 16 and 32 bits: cameras, microscopes and scanners write 8 or 12 bits into
# them, and no file says so.
_WHITE = (255, 4095, 65535)
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
    """A file is no image, or a damaged one. The message is short and the same on every run."""


class EncodedImage:
    """An image file, opened; `decode` gives its pixels, once.

    Attributes:
        size: (width, height) of the upright image, EXIF orientation applied.
        stored_size: (width, height) as stored; differs from `size` for a quarter turn.
        orientation: EXIF's 1 to 8; 1 where there is none, and for TIFF, which Pillow turns itself.

    Raises:
        Unreadable: on opening, when it is no image or has more than `MAX_PIXELS` pixels; those
            are not decoded then.
    """

    def __init__(self, data: bytes) -> None:
        with _foreign_code():
            try:
                self._image = Image.open(io.BytesIO(data), formats=_FORMATS)
            except Image.UnidentifiedImageError:
                raise Unreadable("not an image") from None
            self.stored_size = self._image.size
            # Pillow forgets both when it loads.
            self._is_deep_colour = self._image.mode[:3] == "RGB" and ";16" in str(self._image.tile)
            self._white = _stated_white(self._image)
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

    @property
    def has_transparency(self) -> bool:
        """Return whether pixels may be transparent, by the file's kind, before it is decoded."""
        with _foreign_code():
            return self._image.has_transparency_data

    def decode(
        self, *, shrink: int = 1, background: tuple[int, int, int] = BACKGROUND
    ) -> tuple[Image.Image, int]:
        """Return the upright RGB pixels, 8 bits each.

        Args:
            shrink: 1, 2, 4 or 8; a JPEG is decoded at this fraction of its size, by a smaller
                inverse DCT, where the decoder can. Turned images keep their size: a last,
                partly filled pixel would come to lie on the first side.
            background: RGB, what transparent pixels are laid on.

        Returns:
            The image, and the shrink that it got: pixel (x, y) covers the square from
            (x·shrink, y·shrink) of the full size. Greyscale, palette and CMYK are converted,
            grey of 16 and 32 bits scaled to 8 (see `_grey`), an animation's first frame taken;
            embedded colour profiles are not applied.

        Raises:
            Unreadable: truncated or damaged data, floating-point pixels, or others whose range
                is not known.
        """
        image = self._image
        with _foreign_code():
            got = 1
            if shrink > 1 and self.orientation == 1 and image.format in ("JPEG", "MPO"):
                width, height = image.size
                drafted = image.draft("RGB", (max(1, width // shrink), max(1, height // shrink)))
                got = round(width / drafted[1][2]) if drafted else 1
            image.load()
            if self._is_deep_colour and np.asarray(image)[..., :3].max() <= 4095 >> 8:
                # Pillow keeps the upper 8 bits of 16.
                raise Unreadable("colour of 12 bits or fewer, stored in 16")
            if self.orientation != 1:
                image = image.transpose(_TURN[self.orientation])
            return _to_rgb(image, self._white, background), got


def rgb(data: bytes) -> Image.Image:
    """Return an image file's upright RGB pixels at full size; see `EncodedImage.decode`."""
    return EncodedImage(data).decode()[0]


def opaque(data: bytes, background: tuple[int, int, int]) -> Image.Image | None:
    """Return an image file's upright RGB pixels on another background than white; None where it
    has no transparency, or is no readable image.

    Args:
        background: RGB, 0 to 255 each.
    """
    try:
        encoded = EncodedImage(data)
        if not encoded.has_transparency:
            return None
        return encoded.decode(background=background)[0]
    except Unreadable:
        return None


@contextmanager
def without_warnings() -> Iterator[None]:
    """Keep Pillow's warnings about damaged files back: what cannot be read is reported as
    `Unreadable`, and the rest is as every viewer shows it.

    Python keeps its filters of warnings for the whole process: enter once, around the threads.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def _foreign_code() -> Iterator[None]:
    """Turn whatever Pillow raises on bytes from outside into `Unreadable`.

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
        if "MAX_TEXT" in str(error):
            raise Unreadable(f"metadata over {METADATA_LIMIT_BYTES >> 20} MiB") from None
        cut = "truncated" in str(error).lower()
        raise Unreadable("truncated" if cut else "damaged") from error


def _orientation(image: Image.Image) -> int:
    try:
        with _foreign_code():
            value = image.getexif().get(ExifTags.Base.Orientation)
    except Unreadable:
        return 1  # damaged EXIF: the image as it is stored, as every viewer shows it
    return value if value in _TURN else 1


def _stated_white(image: Image.Image) -> int | None:
    """Return the grey value that is white according to the file, or None where it does not say.

    TIFF's MaxSampleValue and PNG's sBIT say something else (TIFF 6.0, page 37; PNG, 11.3.2.7).
    """
    if image.format == "PPM":
        return 65535  # Pillow has scaled the values by the file's own maximum
    if image.format == "TIFF" and image.mode.startswith("I"):
        bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0]
        return (1 << bits) - 1 if bits < 16 else None
    return None


def _to_rgb(image: Image.Image, white: int | None, background: tuple[int, int, int]) -> Image.Image:
    """Return an image of any mode as RGB.

    Args:
        white: see `_stated_white`.
        background: what transparent pixels are laid on.

    Raises:
        Unreadable: its values have no known range.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _grey(np.asarray(image), white).convert("RGB")
    if image.mode == "F":
        raise Unreadable("floating-point pixels")
    if image.has_transparency_data:
        on_top = image.convert("RGBA")
        below = Image.new("RGBA", on_top.size, (*background, 255))
        return Image.alpha_composite(below, on_top).convert("RGB")
    return image.convert("RGB")


def _grey(values: np.ndarray, white: int | None) -> Image.Image:
    """Return grey values of more than 8 bits, rounded to 8.

    Args:
        values: (height, width), 16 or 32 bits.
        white: what becomes 255; None: the smallest of `_WHITE` that no value exceeds.

    Raises:
        Unreadable: values below 0 or above 65535.
    """
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _WHITE[-1]:
        raise Unreadable("grey values outside 0 to 65535")
    white = white or next(limit for limit in _WHITE if high <= limit)
    levels = (values.astype(np.uint32) * 255 + white // 2) // white
    return Image.fromarray(levels.astype(np.uint8))
