"""Decode one file of a submission, whoever made it; refuse what an evaluator would refuse."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.competitions.form import SubmissionFormat
from pipeline.images import arrays, png
from pipeline.images.shape import ImageShape

# The seven passes of an interlaced PNG (specification, 8.2): the first row and column of each, and
# the steps between rows and between columns.
_ADAM7 = (
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
    (1, 0, 2, 1),
)  # fmt: skip
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"  # its first and its last marker
_COLOURS = {0: "greyscale", 2: "RGB", 3: "palette", 4: "greyscale with alpha", 6: "RGBA"}


class SubmissionInvalid(InputError):
    """Images that the competition's evaluator, or the score, would refuse."""


def largest_file(shape: ImageShape) -> int:
    """Return how many bytes a file of this shape, and what a PNG inflates to, may have: twice its
    pixels, and 1 MB for texts and colour profiles beside them."""
    return (1 << 20) + 2 * _pixel_bytes(shape)


def decode(where: str, content: bytes, form: SubmissionFormat) -> np.ndarray:
    """Decode one file.

    Args:
        where: the file's name in the message.
        form: what it must be: the encoding, and the shape with 8 bits a channel.

    Returns:
        (side, side, channels) uint8.

    Raises:
        SubmissionInvalid: of another encoding, broken, animated, or of another side, mode or depth.
    """
    if form.encoding.name == "JPEG":
        return _decode_jpeg(where, content, form.shape)
    return _decode_png(where, content, form.shape)


def _decode_jpeg(where: str, content: bytes, shape: ImageShape) -> np.ndarray:
    if not content.startswith(_JPEG_START):
        raise SubmissionInvalid(f"{where} is no JPEG")
    # Pillow takes a file without its last marker, and fills what is missing with grey.
    if not content.endswith(_JPEG_END):
        raise SubmissionInvalid(f"{where} is a broken JPEG (its end is missing)")
    side, mode = shape.side_px, arrays.MODES[shape.channels]
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if image.size != (side, side):
                width, height = image.size
                raise SubmissionInvalid(f"{where} is {width}x{height} pixels, not {side}x{side}")
            if image.mode != mode:
                raise SubmissionInvalid(f"{where} is {image.mode}, not {mode}")
            return arrays.from_pillow(image)
    except SubmissionInvalid:
        raise
    except (OSError, SyntaxError, ValueError, struct.error, EOFError) as error:
        raise SubmissionInvalid(f"{where} is a broken JPEG ({error})") from None


def _decode_png(where: str, content: bytes, shape: ImageShape) -> np.ndarray:
    # Signature, then the header chunk: length, "IHDR", width, height, bit depth, colour type.
    if content[:8] != png.SIGNATURE or content[12:16] != b"IHDR" or len(content) < 33:
        raise SubmissionInvalid(f"{where} is no PNG")
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    side = shape.side_px
    if (width, height) != (side, side):
        raise SubmissionInvalid(f"{where} is {width}x{height} pixels, not {side}x{side}")
    # Pillow shows 16 bits as "RGB" too, so the header itself is read.
    expected = png.COLOUR_TYPES[shape.channels]
    if (depth, colour) != (8, expected):
        raise SubmissionInvalid(
            f"{where} is {depth}-bit {_COLOURS.get(colour, 'of an unknown kind')}, "
            f"not 8-bit {_COLOURS[expected]}"
        )
    try:
        # Pillow fills rows that are not there with black and skips the pixels' checksum.
        inflated = png.data_bytes(content, at_most=largest_file(shape))
        if inflated != _pixel_bytes(shape) + _filter_bytes(side, interlaced=bool(content[28])):
            raise SubmissionInvalid(f"{where} is a broken PNG (rows are missing or too many)")
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise SubmissionInvalid(f"{where} is animated")
            return arrays.from_pillow(image)
    except SubmissionInvalid:
        raise
    except (OSError, SyntaxError, ValueError, zlib.error, struct.error, EOFError) as error:
        raise SubmissionInvalid(f"{where} is a broken PNG ({error})") from None


def _pixel_bytes(shape: ImageShape) -> int:
    return shape.side_px**2 * shape.channels


def _filter_bytes(side_px: int, *, interlaced: bool) -> int:
    """Return how many bytes of the pixel data name a row's filter: one for each row of a pass."""
    if not interlaced:
        return side_px
    return sum(len(range(top, side_px, down)) for top, left, down, _ in _ADAM7 if left < side_px)
