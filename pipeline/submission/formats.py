"""What the evaluators of competitions take, as values that are given to `writer` and `reader`."""

from dataclasses import dataclass

from pipeline.images.shape import ImageShape


@dataclass(frozen=True)
class SubmissionFormat:
    """What an evaluator takes: PNG files of one shape, 8 bits a channel, flat in one zip.

    Attributes:
        competition: the competition's slug on Kaggle.
        shape: side and channels of each image.
        count: number of images that the evaluator takes.
        name_digits: least number of digits in a file's name.
    """

    competition: str
    shape: ImageShape
    count: int
    name_digits: int

    def file_names(self, count: int) -> list[str]:
        """Return the names of `count` files: `00000.png` and so on, sorted as numbers and as text
        alike."""
        digits = max(self.name_digits, len(str(count - 1)))
        return [f"{number:0{digits}d}.png" for number in range(count)]


GENERATIVE_DOG_IMAGES = SubmissionFormat(
    competition="generative-dog-images", shape=ImageShape(64, 3), count=10_000, name_digits=5
)
