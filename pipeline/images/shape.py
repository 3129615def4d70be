"""The shape of the images of a data set, a generator or a submission."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageShape:
    """Square images.

    Attributes:
        side_px: their side in pixels.
        channels: 1 (grey) or 3 (RGB).
    """

    side_px: int
    channels: int

    def __str__(self) -> str:
        return f"{self.side_px}x{self.side_px}x{self.channels}"
