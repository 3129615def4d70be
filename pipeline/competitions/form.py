"""The form of a submission: images of one shape in one zip, and how they are encoded and named."""

from dataclasses import dataclass
from typing import Literal

from pipeline.images.shape import ImageShape


@dataclass(frozen=True)
class Encoding:
    """A format of image files.

    Attributes:
        name: PNG or JPEG.
        suffixes: of file names, in lower case; the first is written.
        quality: JPEG's, 1 to 95; None for PNG, which loses nothing.
    """

    name: Literal["PNG", "JPEG"]
    suffixes: tuple[str, ...]
    quality: int | None = None


PNG = Encoding("PNG", (".png",))


def jpeg(quality: int) -> Encoding:
    """Return JPEG of a quality, 1 to 95."""
    return Encoding("JPEG", (".jpg", ".jpeg"), quality)


@dataclass(frozen=True)
class SubmissionFormat:
    """What an evaluator takes: files of one shape, 8 bits a channel, flat in one zip.

    Attributes:
        competition: the name of the competition's profile.
        shape: side and channels of each image.
        counts: least and greatest number of images that the evaluator takes.
        name_digits: least number of digits in a file's name.
        encoding: of the files.
    """

    competition: str
    shape: ImageShape
    counts: tuple[int, int]
    name_digits: int
    encoding: Encoding = PNG

    def file_names(self, count: int) -> list[str]:
        """Return the names of `count` files: `00000.png` and so on, sorted as numbers and as text
        alike."""
        digits = max(self.name_digits, len(str(count - 1)))
        suffix = self.encoding.suffixes[0]
        return [f"{number:0{digits}d}{suffix}" for number in range(count)]
