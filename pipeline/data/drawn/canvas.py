"""The layer that a drawn dog is painted on: colours, coverage and soft shading."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.data.drawn.breeds import Colour

SUPERSAMPLING = 3  # drawn this many times larger, then shrunk: smooth edges
EDGE = 0.6  # outlines are this share of the colour that they enclose


def darker(colour: Colour, factor: float) -> Colour:
    return tuple(round(channel * factor) for channel in colour)


class Layer:
    """A dog, or what stands before it, painted from the back to the front.

    Coordinates are pixels of the finished image, x right and y down.
    """

    def __init__(self, size: tuple[int, int], light: tuple[float, float]) -> None:
        large = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
        self.size = size
        self.light = np.array(light)  # where the light comes from, on the image, length about 1
        self._colour = Image.new("RGB", large)
        self._cover = Image.new("L", large)
        self._shade = Image.new("L", size, 128)
        self._paint = ImageDraw.Draw(self._colour)
        self._covering = ImageDraw.Draw(self._cover)
        self._shading = ImageDraw.Draw(self._shade)

    def solid(
        self,
        outline: np.ndarray,
        colour: Colour,
        *,
        marks: Sequence[tuple[list[np.ndarray], Colour]] = (),
        line: float = 0.0,
        relief: float = 1.0,
    ) -> None:
        """Paint a rounded shape; each mark is a list of polygons and their colour, cut to it."""
        points = _flat(outline * SUPERSAMPLING)
        self._paint.polygon(points, fill=colour)
        self._covering.polygon(points, fill=255)
        if marks:
            self._marks(outline * SUPERSAMPLING, marks)
        if line > 0:
            width = max(1, round(line * SUPERSAMPLING))
            closed = points + points[:4]
            self._paint.line(closed, fill=darker(colour, EDGE), width=width)
            self._covering.line(closed, fill=255, width=width)
        if relief:
            self._relief(outline, relief)

    def detail(self, outline: np.ndarray, colour: Colour) -> None:
        """Paint a flat shape (an eye, a nose) onto what is there."""
        points = _flat(outline * SUPERSAMPLING)
        self._paint.polygon(points, fill=colour)
        self._covering.polygon(points, fill=255)

    def stroke(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """Paint a line onto what is there."""
        large = _flat(points * SUPERSAMPLING)
        thick = max(1, round(width * SUPERSAMPLING))
        self._paint.line(large, fill=colour, width=thick, joint="curve")

    def _marks(self, outline: np.ndarray, marks: Sequence[tuple[list[np.ndarray], Colour]]) -> None:
        corner = np.maximum(np.floor(outline.min(axis=0)).astype(int), 0)
        far = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, self._colour.size)
        size = tuple(int(side) for side in far - corner)
        if min(size) <= 0:  # outside the image
            return
        nothing, inside = Image.new("L", size), Image.new("L", size)
        ImageDraw.Draw(inside).polygon(_flat(outline - corner), fill=255)
        for polygons, colour in marks:
            mark = nothing.copy()
            draw = ImageDraw.Draw(mark)
            for polygon in polygons:
                draw.polygon(_flat(polygon * SUPERSAMPLING - corner), fill=255)
            cut = Image.composite(mark, nothing, inside)
            self._colour.paste(colour, (int(corner[0]), int(corner[1])), cut)

    def _relief(self, outline: np.ndarray, strength: float) -> None:
        centre = outline.mean(axis=0)
        extent = np.ptp(outline, axis=0).mean() / 2
        for shrink, towards, value in (
            (1.0, 0.0, 104),
            (0.86, 0.10, 122),
            (0.66, 0.2, 138),
            (0.4, 0.32, 150),
        ):
            moved = centre + (outline - centre) * shrink + self.light * extent * towards
            level = round(128 + (value - 128) * strength)
            self._shading.polygon(_flat(moved), fill=level)

    def finish(self, softness: float) -> tuple[np.ndarray, np.ndarray]:
        """Shrink and shade: colours (height, width, 3) in 0 to 255, coverage (height, width) in
        0 to 1; float32. `softness` is the blur of the shading in pixels."""
        colour = np.asarray(self._colour.reduce(SUPERSAMPLING), dtype=np.float32)
        cover = np.asarray(self._cover.reduce(SUPERSAMPLING), dtype=np.float32) / 255
        # Uncovered pixels are black: divide the antialiased edge by its coverage.
        colour = colour / np.maximum(cover, 1 / 255)[..., None]
        shade = self._shade.filter(ImageFilter.GaussianBlur(softness))
        shade = np.asarray(shade, dtype=np.float32)[..., None] / 128
        return np.minimum(colour * shade, 255), cover


def _flat(points: np.ndarray) -> list[float]:
    return points.ravel().tolist()
