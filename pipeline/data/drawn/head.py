"""A drawn dog's head, from the ears behind the skull to the nose."""

import numpy as np

from pipeline.data.drawn.canvas import Layer, darker
from pipeline.data.drawn.coat import Coat
from pipeline.data.drawn.geometry import View, hull, tufts

LINE = 0.045  # width of the outlines in head radii
_TONGUE = (228, 112, 122)
_INNER_EAR = (222, 166, 154)
_MOUTH = (40, 28, 28)

# Reach of the muzzle's tip before the head's centre, its radius, how far it lies below the
# centre, and half the distance between the two spheres that it is made of; in head radii.
_MUZZLES = {
    "short": (0.64, 0.31, 0.36, 0.20),
    "medium": (0.92, 0.32, 0.42, 0.08),
    "long": (1.22, 0.28, 0.46, 0.04),
    "square": (0.92, 0.37, 0.48, 0.15),
}

# Spheres (x, y, z, radius) of the right ear; the left one is its mirror image.
_EARS = {
    "prick": [(0.26, -0.72, -0.05, 0.14), (0.84, -0.3, -0.1, 0.16), (0.84, -1.45, 0.0, 0.07)],
    "button": [(0.42, -0.84, 0.1, 0.1), (0.9, -0.52, -0.05, 0.13), (0.86, -0.16, 0.5, 0.1)],
    "drop": [(0.6, -0.64, 0.0, 0.15), (0.95, -0.32, 0.05, 0.25), (1.02, 0.3, 0.12, 0.22)],
    "long": [(0.64, -0.52, 0.0, 0.14), (1.0, 0.1, 0.05, 0.26), (1.06, 0.95, 0.15, 0.29)],
}
_INNER = [(0.42, -0.7, 0.08, 0.08), (0.72, -0.5, 0.05, 0.09), (0.77, -1.18, 0.1, 0.04)]


def draw_head(
    layer: Layer, coat: Coat, view: View, *, tongue: bool, rng: np.random.Generator
) -> None:
    """Paint the head. `view` has its zero in the middle of the skull; the face looks along z."""
    head = _Head(layer, coat, view, rng)
    far, near = sorted((-1, 1), key=lambda side: view.depth((side, 0, 0)))
    behind = [side for side in (far, near) if head.ear_is_behind(side)]
    for side in behind:
        head.ear(side)
    head.skull()
    head.eye(far)
    head.eye(near)
    head.muzzle(tongue)
    for side in (far, near):
        if side not in behind:
            head.ear(side)


class _Head:
    def __init__(self, layer: Layer, coat: Coat, view: View, rng: np.random.Generator) -> None:
        self.layer, self.coat, self.view = layer, coat, view
        self.breed = coat.breed
        self.line = LINE * view.unit
        self.swing = rng.uniform(-0.1, 0.1)  # how far the ears stand out
        self.rng = rng

    def ear_is_behind(self, side: int) -> bool:
        return self.breed.ears == "prick" or self.view.depth((side, 0, 0.3)) < -0.25

    def skull(self) -> None:
        wide = 0.36 * self.breed.cheeks
        shape = [
            (-0.2, -0.12, 0, 0.82),
            (0.2, -0.12, 0, 0.82),
            (-wide, 0.3, 0.12, 0.56),
            (wide, 0.3, 0.12, 0.56),
        ]
        self.layer.solid(
            self.coat.fur(self.view.solid(shape)),
            self.coat.tone(self.breed.coat),
            marks=self.coat.on_head(self.view),
            line=self.line,
        )

    def ear(self, side: int) -> None:
        def mirrored(spheres: list) -> list:
            return [
                (side * (x + (self.swing if index == 2 else 0)), y, z, radius)
                for index, (x, y, z, radius) in enumerate(spheres)
            ]

        colour = self.coat.tone(self.breed.ear)
        short = 0.3 if self.breed.ears == "prick" else 0.7  # long tufts would blunt a point
        outline = self.coat.fur(self.view.solid(mirrored(_EARS[self.breed.ears])), short)
        self.layer.solid(outline, colour, line=self.line)
        if self.breed.ears == "prick" and self.view.depth((side * 0.3, 0, 1)) > 0.2:
            inner = darker(_INNER_EAR, 1.0 if min(self.breed.ear) > 120 else 0.75)
            self.layer.solid(self.view.solid(mirrored(_INNER)), inner, relief=0)

    def eye(self, side: int) -> None:
        wide = 0.26 if self.breed.muzzle == "short" else 0.24
        place, normal = (side * 0.42, -0.1, 0.76), (side * 0.35, -0.05, 1.0)
        rim, facing = self.view.disc(place, normal, wide + 0.045, wide + 0.05)
        if facing < 0.12:
            return
        dark = sum(self.breed.coat) < 330 or "mask" in self.breed.markings
        self.layer.detail(rim, (128, 104, 88) if dark else (56, 40, 36))
        self.layer.detail(self.view.disc(place, normal, wide, wide * 1.05)[0], self.breed.eye)
        self.layer.detail(self.view.disc(place, normal, wide * 0.64, wide * 0.7)[0], (18, 14, 14))
        self.glint(place, wide * 0.36, 0.08, 0.08, (253, 253, 253))
        self.glint(place, -wide * 0.5, 0.035, 0.035, (190, 190, 190))
        if self.breed.beard:  # bushy brows
            brow = [(side * 0.2, -0.34, 0.85, 0.1), (side * 0.62, -0.44, 0.7, 0.1)]
            outline = tufts(self.view.solid(brow), 0.1 * self.view.unit, self.rng)
            self.layer.solid(outline, self.coat.tone(self.breed.second), line=self.line * 0.6)

    def glint(self, place: tuple, towards: float, wide: float, high: float, colour: tuple) -> None:
        """Paint a highlight beside a place, `towards` the light."""
        (centre,) = self.view.points([place])
        flat = View(np.eye(3), centre + self.layer.light * towards * self.view.unit, self.view.unit)
        self.layer.detail(flat.disc((0, 0, 0), (0, 0, 1), wide, high)[0], colour)

    def muzzle(self, tongue: bool) -> None:
        breed, view, layer, tone = self.breed, self.view, self.layer, self.coat.tone
        reach, tip, drop, spread = _MUZZLES[breed.muzzle]
        spread *= breed.cheeks
        front = reach + tip
        if breed.beard:
            beard = [
                (-0.34, drop + 0.12, reach * 0.6, 0.32),
                (0.34, drop + 0.12, reach * 0.6, 0.32),
                (0, drop + 0.46, reach * 0.75, 0.28),
            ]
            outline = tufts(view.solid(beard), 0.14 * view.unit, self.rng)
            layer.solid(outline, tone(breed.second), line=self.line)
        if tongue:
            shape = [
                (0, drop + tip * 0.8, reach * 0.9, 0.16),
                (0, drop + tip + 0.3, reach * 0.95, 0.17),
            ]
            layer.solid(view.solid(shape), _TONGUE, line=self.line * 0.8)
        shape = [
            (0, 0.3, 0.45, 0.38),
            (-spread, drop, reach, tip),
            (spread, drop, reach, tip),
        ]
        colour = tone(breed.dark if "mask" in breed.markings else breed.second)
        layer.solid(view.solid(shape), colour, line=self.line * 0.6)
        # The mouth: down from the nose, then along both cheeks.
        ink = darker(colour, 0.42) if sum(colour) > 330 else (18, 14, 16)
        below_nose = (0, drop - tip * 0.2, front)
        middle = (0, drop + tip * 0.42, front - tip * 0.12)
        layer.stroke(view.points([below_nose, middle]), ink, self.line * 1.2)
        for side in (-1, 1):
            if view.depth((side, 0, 0.5)) > -0.35:
                under = (side * (spread + tip) * 0.5, drop + tip * 0.74, front - tip * 0.3)
                corner = (side * (spread + tip) * 0.88, drop + tip * 0.5, reach * 0.75)
                layer.stroke(view.points([middle, under, corner]), ink, self.line * 1.2)
        nose = (0, drop - tip * 0.45, front - 0.06)
        flat, _ = view.disc(nose, (0, -0.25, 1), 0.25, 0.18)
        ball = view.circles([(0, drop - tip * 0.45, front - 0.1, 0.15)])
        flat_circles = np.column_stack([flat, np.zeros(len(flat))])
        layer.detail(hull(np.vstack([ball, flat_circles])), tone(breed.nose))
        self.glint((0, drop - tip * 0.62, front), 0.05, 0.08, 0.04, (158, 154, 156))
