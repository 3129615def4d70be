"""A drawn dog's coat: the colours of one individual, its fur, and its markings, part by part."""

import math

import numpy as np

from pipeline.data.drawn.breeds import Breed, Colour
from pipeline.data.drawn.geometry import View, blob, hull, tufts

Marks = list[tuple[list[np.ndarray], Colour]]  # polygons on the image, and their colour

_CHEEK = (0.62, 0.5, 0.6)
_BROW = (0.36, -0.44, 0.85)


class Coat:
    """One dog's coat. `unit` is a head radius in pixels."""

    def __init__(self, breed: Breed, unit: float, rng: np.random.Generator) -> None:
        self.breed, self.unit = breed, unit
        self._rng = rng
        self._tint = rng.uniform(0.92, 1.05) * rng.uniform(0.98, 1.02, 3)
        self._side = 1 if rng.random() < 0.5 else -1

    def tone(self, colour: Colour) -> Colour:
        """Return a colour of the breed as this dog has it."""
        return tuple(
            int(min(255, channel * by)) for channel, by in zip(colour, self._tint, strict=True)
        )

    def fur(self, outline: np.ndarray, length: float = 1.0) -> np.ndarray:
        """Return the outline as fluffy as the breed is, times `length`."""
        if not self.breed.fluff:
            return outline
        return tufts(outline, self.breed.fluff * length * self.unit, self._rng)

    def on_head(self, view: View) -> Marks:
        """Return the markings of the skull."""
        marks: Marks = []
        for name in self.breed.markings:
            colour = self.breed.dark
            if name == "blaze":
                half = self._rng.uniform(0.1, 0.2)
                polygons, colour = [view.patch(_blaze(half))], self.breed.second
            elif name == "white_face":
                polygons = [view.cap((0, 0.5, 0.8), 0.5)]
                polygons += _pair(view, (0.5, 0.42, 0.75), 0.6) + _pair(view, _BROW, 0.2)
                colour = self.breed.second
            elif name == "cheeks":
                polygons = [view.cap((0, 0.7, 0.7), 0.55)]
                polygons += _pair(view, _CHEEK, 0.5) + _pair(view, _BROW, 0.14)
                colour = self.breed.second
            elif name == "tan_points":
                polygons = _pair(view, (0.5, 0.6, 0.65), 0.36) + _pair(view, _BROW, 0.15)
                colour = self.breed.second
            elif name == "mask":
                polygons = [view.cap((0, 0.45, 0.9), 0.52), *_pair(view, (0.42, 0.02, 0.9), 0.32)]
            elif name == "eye_patches":
                polygons = _pair(view, (0.66, -0.2, 0.65), 0.6)
            elif name == "one_patch":
                polygons = [view.cap((0.55 * self._side, -0.15, 0.75), 0.52)]
            elif name in ("spots", "merle"):
                few, small, large = (18, 0.07, 0.17) if name == "spots" else (9, 0.12, 0.3)
                polygons = [
                    view.cap(self._somewhere(), self._rng.uniform(small, large)) for _ in range(few)
                ]
            elif name == "brindle":
                low, high = view.circle(0, 0, 0, 1.05)
                polygons = self._stripes(low, high)
            else:
                continue
            marks.append((polygons, self.tone(colour)))
        return marks

    def on_body(self, circles: np.ndarray, *, part: str) -> Marks:
        """Return the markings of a `torso`, `neck`, `thigh`, `leg` or `tail` drawn as these circles
        (n, 3) in pixels."""
        outline = hull(circles)
        low, high = outline.min(axis=0), outline.max(axis=0)
        area = float(np.prod((high - low) / self.unit))
        rng = self._rng
        marks: Marks = []
        for name in self.breed.markings:
            if name == "saddle" and part == "torso":
                x = np.linspace(low[0], high[0], 7)
                edge = low[1] + (high[1] - low[1]) * 0.56
                wave = edge + rng.uniform(-0.12, 0.12, 7) * self.unit
                lower = np.stack([x, wave], axis=1)[::-1]
                polygons = [np.vstack([[low, (high[0], low[1])], lower])]
            elif name == "patches" and part == "torso":
                polygons = self._blobs(low, high, 3, 0.35, 0.65)
            elif name == "spots":
                polygons = self._blobs(low, high, max(3, int(area * 2.4)), 0.07, 0.17)
            elif name == "merle" and part in ("torso", "neck"):
                polygons = self._blobs(low, high, max(3, int(area * 1.1)), 0.12, 0.32)
            elif name == "brindle" and part != "leg":
                polygons = self._stripes(low, high)
            else:
                continue
            marks.append((polygons, self.tone(self.breed.dark)))
        return marks

    def _blobs(
        self, low: np.ndarray, high: np.ndarray, count: int, small: float, large: float
    ) -> list[np.ndarray]:
        rng = self._rng
        return [
            blob(rng.uniform(low, high), rng.uniform(small, large) * self.unit, rng)
            for _ in range(count)
        ]

    def _stripes(self, low: np.ndarray, high: np.ndarray) -> list[np.ndarray]:
        """Return short, slanted tiger stripes over a box."""
        rng, stripes = self._rng, []
        step = 0.26 * self.unit
        for x in np.arange(low[0], high[0] + step, step):
            for y in np.arange(low[1], high[1], 2.4 * step):
                start = np.array([x, y]) + rng.uniform(-0.5, 0.5, 2) * step
                share = np.linspace(0, 1, 6)[:, None]
                along = np.array([rng.uniform(-0.5, 0.5), 1.0]) * step * rng.uniform(1.4, 2.2)
                half = np.sin(share * math.pi) * step * rng.uniform(0.1, 0.24) * np.array([1.0, 0])
                middle = start + along * share
                stripes.append(np.vstack([middle + half, (middle - half)[::-1]]))
        return stripes

    def _somewhere(self) -> tuple[float, float, float]:
        """Return a direction on the front half of the head."""
        x, y, z = self._rng.standard_normal(3)
        return x, y, abs(z) + 0.2


def _pair(view: View, direction: tuple[float, float, float], angle: float) -> list[np.ndarray]:
    """Return the same patch on both sides of the head."""
    x, y, z = direction
    return [view.cap((x, y, z), angle), view.cap((-x, y, z), angle)]


def _blaze(half: float) -> list[tuple[float, float, float]]:
    """Return a stripe from the crown that widens over the muzzle."""
    right = [(half, -1.0, 0.5), (half, -0.1, 1.0), (0.5, 0.55, 0.8)]
    left = [(-x, y, z) for x, y, z in reversed(right)]
    return [*right, (0.0, 1.0, 0.5), *left]
