"""A drawn dog's body in four poses: a portrait's shoulders, sitting, standing, lying."""

import itertools

import numpy as np

from pipeline.sources.drawn_breeds import Breed, Colour
from pipeline.sources.drawn_canvas import Layer, darker
from pipeline.sources.drawn_coat import Coat
from pipeline.sources.drawn_geometry import View, hull
from pipeline.sources.drawn_head import LINE


def ground(breed: Breed, pose: str) -> float:
    """How far the ground lies below the middle of the head, in head radii."""
    heights = {
        "portrait": 3.6,
        "sitting": 2.4 + 1.1 * breed.legs,
        "standing": 1.9 + 1.5 * breed.legs,
        "lying": 1.9,
    }
    return heights[pose]


def draw_body(layer: Layer, coat: Coat, view: View, *, pose: str, width: float) -> None:
    """Paint the body. `view` has its zero in the middle of the head; the dog faces along z.
    `width` is 1 for an average build."""
    body = _Body(layer, coat, view, ground(coat.breed, pose), width)
    {
        "portrait": body.portrait,
        "sitting": body.sitting,
        "standing": body.standing,
        "lying": body.lying,
    }[pose]()


class _Body:
    """Spheres are (x, y, z, radius) in head radii: x to the dog's left, y down, z forward."""

    def __init__(self, layer: Layer, coat: Coat, view: View, foot: float, width: float) -> None:
        self.layer, self.coat, self.view = layer, coat, view
        self.foot, self.width = foot, width
        self.line = LINE * view.unit
        breed = coat.breed
        self.fur, self.paw = breed.coat, breed.second
        self.tail = breed.dark if "saddle" in breed.markings else breed.coat
        self.near = 1 if view.depth((1, 0, 0)) > 0 else -1  # the side turned to the viewer

    def limb(self, spheres: list, colour: Colour, *, part: str, fluffy: float = 1.0) -> None:
        circles = self.view.circles(spheres)
        self.layer.solid(
            self.coat.fur(hull(circles), fluffy),
            self.coat.tone(colour),
            marks=self.coat.on_body(circles, part=part),
            line=self.line,
        )

    def chain(self, spheres: list, colour: Colour, *, part: str) -> None:
        """A bent limb: neighbouring spheres joined, and one outline about the whole."""
        joints = [self.view.circles(list(pair)) for pair in itertools.pairwise(spheres)]
        tone = self.coat.tone(colour)
        for circles in joints:
            edge = circles + np.array([0, 0, self.line * 0.7])
            self.layer.solid(hull(edge), darker(tone, 0.62), relief=0)
        for circles in joints:
            marks = self.coat.on_body(circles, part=part)
            self.layer.solid(hull(circles), tone, marks=marks, relief=0.6)

    def bib(self, spheres: list) -> None:
        """A chest of the second colour, where it can be seen from the front."""
        if self.paw != self.fur and self.view.depth((0, 0, 1)) > 0.3:
            outline = self.coat.fur(self.view.solid(spheres), 1.1)
            self.layer.solid(outline, self.coat.tone(self.paw), relief=0.6)

    def portrait(self) -> None:
        w = self.width
        shoulders = [(x * w, y, -0.4, 0.7) for x in (-0.85, 0.85) for y in (2.0, 3.6)]
        self.limb(shoulders, self.fur, part="thigh", fluffy=1.2)
        self.limb(
            [(0, 0.4, -0.2, 0.7 * w), (0, 2.0, 0, 0.95 * w), (0, 3.2, 0, 0.9 * w)],
            self.fur,
            part="neck",
            fluffy=1.2,
        )
        self.bib([(0, 0.8, 0.5, 0.4 * w), (0, 1.9, 0.6, 0.52 * w), (0, 3.2, 0.6, 0.4 * w)])

    def sitting(self) -> None:
        w, foot, near = self.width, self.foot, self.near
        tail = [
            (0.2 * near, foot - 0.3, -1.5, 0.26),
            (1.0 * near, foot - 0.22, -1.9, 0.2),
            (1.5 * near, foot - 0.35, -1.7, 0.13),
        ]
        self.chain(tail, self.tail, part="tail")
        for side in (-near, near):
            haunch = [
                (side * 0.62 * w, foot - 0.62, -0.8, 0.6),
                (side * 0.7 * w, foot - 0.4, -0.4, 0.42),
            ]
            if side == near:
                self.limb(
                    [
                        (0, 1.3, 0.0, 0.8 * w),
                        (0, foot - 0.9, -1.0, 0.88 * w),
                        (0, foot - 0.8, -0.2, 0.7 * w),
                    ],
                    self.fur,
                    part="torso",
                    fluffy=1.2,
                )
            self.limb(haunch, self.fur, part="thigh")
            self.chain(
                [
                    (side * 0.85 * w, foot - 0.2, -0.5, 0.2),
                    (side * 0.9 * w, foot - 0.2, 0.15, 0.22),
                ],
                self.paw,
                part="leg",
            )
        self.limb(
            [(0, 0.4, -0.2, 0.62 * w), (0, 1.5, 0.1, 0.82 * w), (0, 1.9, 0.15, 0.7 * w)],
            self.fur,
            part="neck",
            fluffy=1.2,
        )
        self.bib([(0, 0.8, 0.5, 0.36 * w), (0, 1.5, 0.62, 0.46 * w), (0, 2.0, 0.6, 0.3 * w)])
        for side in (-near, near):
            x = side * 0.4 * w
            self.limb(
                [(x, 1.75, 0.45, 0.36), (x, foot - 0.3, 0.6, 0.25)],
                self.fur,
                part="leg",
                fluffy=0.4,
            )
            self.chain(
                [
                    (x, foot - 0.7, 0.6, 0.24),
                    (x, foot - 0.22, 0.6, 0.25),
                    (x, foot - 0.2, 0.8, 0.24),
                ],
                self.paw,
                part="leg",
            )

    def standing(self) -> None:
        w, foot, near = self.width, self.foot, self.near
        spine, front, back = 1.2, -0.7, -2.9
        for side in (-near, near):
            dim = 1.0 if side == near else 0.84
            fur, paw = darker(self.fur, dim), darker(self.paw, dim)
            if side == near:
                self.chain(
                    [
                        (0, spine - 0.3, back - 0.4, 0.26),
                        (0, spine - 0.9, back - 0.95, 0.2),
                        (0, spine - 1.5, back - 0.85, 0.12),
                    ],
                    self.tail,
                    part="tail",
                )
                self.limb(
                    [
                        (0, spine, front, 0.84 * w),
                        (0, spine + 0.02, back, 0.74 * w),
                        (0, spine + 0.15, front, 0.82 * w),
                    ],
                    self.fur,
                    part="torso",
                    fluffy=1.2,
                )
            x = side * 0.46 * w
            if side == near:
                self.limb(
                    [(x, spine + 0.1, back, 0.52), (x, spine + 0.6, back - 0.05, 0.38)],
                    fur,
                    part="thigh",
                    fluffy=0.4,
                )
            for z in (back, front):
                heel = -0.12 if z == back else 0.0
                self.chain(
                    [(x, spine + 0.5, z, 0.34), (x, foot - 0.7, z + heel, 0.25)], fur, part="leg"
                )
                self.chain(
                    [
                        (x, foot - 0.65, z + heel, 0.235),
                        (x, foot - 0.22, z + heel, 0.22),
                        (x, foot - 0.2, z + heel + 0.25, 0.21),
                    ],
                    paw,
                    part="leg",
                )
            if side == near:
                self.limb(
                    [(x * 0.9, spine + 0.1, front, 0.5), (x, spine + 0.5, front, 0.34)],
                    fur,
                    part="thigh",
                    fluffy=0.4,
                )
        self.limb(
            [(0, 0.3, -0.2, 0.55 * w), (0, spine - 0.05, front + 0.1, 0.72 * w)],
            self.fur,
            part="neck",
            fluffy=1.2,
        )

    def lying(self) -> None:
        w, foot, near = self.width, self.foot, self.near
        self.chain(
            [
                (0, foot - 0.35, -2.9, 0.26),
                (0.4 * near, foot - 0.22, -3.6, 0.2),
                (0.8 * near, foot - 0.2, -4.0, 0.13),
            ],
            self.tail,
            part="tail",
        )
        x = -near * 0.45 * w
        self.chain(
            [(x, foot - 0.3, -0.4, 0.3), (x, foot - 0.24, 1.1, 0.25)],
            darker(self.paw, 0.86),
            part="leg",
        )
        self.limb(
            [(0, foot - 0.85, -0.6, 0.84 * w), (0, foot - 0.8, -2.3, 0.78 * w)],
            self.fur,
            part="torso",
            fluffy=1.2,
        )
        x = near * 0.6 * w
        self.limb(
            [(x, foot - 0.65, -2.2, 0.62), (x, foot - 0.35, -1.6, 0.34)],
            self.fur,
            part="thigh",
            fluffy=0.6,
        )
        self.chain(
            [(x, foot - 0.22, -1.9, 0.22), (x, foot - 0.21, -1.1, 0.22)], self.paw, part="leg"
        )
        self.limb(
            [(0, 0.3, -0.2, 0.58 * w), (0, foot - 0.9, -0.4, 0.82 * w)],
            self.fur,
            part="neck",
            fluffy=1.2,
        )
        self.bib([(0, 0.7, 0.35, 0.3 * w), (0, foot - 0.8, 0.3, 0.42 * w)])
        x = near * 0.45 * w
        self.limb(
            [(x, foot - 0.5, -0.4, 0.4), (x, foot - 0.3, 0.4, 0.28)],
            self.fur,
            part="leg",
            fluffy=0.4,
        )
        self.chain([(x, foot - 0.27, 0.4, 0.26), (x, foot - 0.24, 1.2, 0.26)], self.paw, part="leg")
