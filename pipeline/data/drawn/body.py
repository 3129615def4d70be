"""A drawn dog's body in four poses: a portrait's shoulders, sitting, standing, lying."""

import itertools

from pipeline.data.drawn.breeds import Breed, Colour
from pipeline.data.drawn.canvas import EDGE, Layer, darker
from pipeline.data.drawn.coat import Coat
from pipeline.data.drawn.geometry import View, hull
from pipeline.data.drawn.head import LINE


def ground(breed: Breed, pose: str) -> float:
    """Return how far the ground lies below the middle of the head, in head radii."""
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
        self.back = breed.dark if "saddle" in breed.markings else breed.coat
        self.near = 1 if view.depth((1, 0, 0)) > 0 else -1  # the side turned to the viewer

    def flesh(self, *limbs: tuple[str, Colour, list], fluffy: float = 0.0) -> None:
        """Paint limbs that grow together, each (part, colour, spheres whose hull it is): one
        outline about all of them, no line between."""
        shapes = []
        for part, colour, spheres in limbs:
            circles = self.view.circles(spheres)
            outline = hull(circles)
            if fluffy:
                outline = self.coat.fur(outline, fluffy)
            shapes.append((outline, self.coat.tone(colour), self.coat.on_body(circles, part=part)))
        for outline, tone, _ in shapes:
            self.layer.solid(outline, darker(tone, EDGE), line=2 * self.line, relief=0)
        for outline, tone, marks in shapes:
            self.layer.solid(outline, tone, marks=marks)

    def chain(self, part: str, colour: Colour, spheres: list) -> None:
        """Paint a bent limb: the hull of each two neighbouring spheres."""
        self.flesh(*((part, colour, list(pair)) for pair in itertools.pairwise(spheres)))

    def bib(self, *spheres: tuple[float, float, float, float]) -> None:
        """Paint a chest of the second colour, where it can be seen from the front."""
        if self.paw != self.fur and self.view.depth((0, 0, 1)) > 0.3:
            outline = self.coat.fur(self.view.solid(list(spheres)), 1.1)
            self.layer.solid(outline, self.coat.tone(self.paw), relief=0.6)

    def portrait(self) -> None:
        w = self.width
        self.flesh(
            ("thigh", self.back, [(0, 0.6, -0.3, 0.6 * w), (0.85 * w, 2.1, -0.35, 0.6),
                                 (-0.85 * w, 2.1, -0.35, 0.6), (0.9 * w, 3.6, -0.35, 0.6),
                                 (-0.9 * w, 3.6, -0.35, 0.6)]),
            ("neck", self.fur, [(0, 0.5, -0.1, 0.62 * w), (0, 2.0, 0, 0.78 * w),
                                (0, 3.2, 0, 0.8 * w)]),
            fluffy=1.2,
        )  # fmt: skip
        self.bib((0, 0.8, 0.5, 0.38 * w), (0, 1.9, 0.6, 0.5 * w), (0, 3.2, 0.6, 0.42 * w))

    def sitting(self) -> None:
        w, foot, near = self.width, self.foot, self.near
        self.chain("tail", self.back, [(0.2 * near, foot - 0.3, -1.5, 0.26),
                                       (1.0 * near, foot - 0.22, -1.9, 0.2),
                                       (1.5 * near, foot - 0.35, -1.7, 0.13)])  # fmt: skip

        def haunch(side: int) -> tuple[str, Colour, list]:
            return ("thigh", self.fur, [(side * 0.62 * w, foot - 0.62, -0.8, 0.6),
                                        (side * 0.7 * w, foot - 0.4, -0.4, 0.42)])  # fmt: skip

        def hind_foot(side: int) -> None:
            self.chain("leg", self.paw, [(side * 0.85 * w, foot - 0.2, -0.5, 0.2),
                                         (side * 0.9 * w, foot - 0.2, 0.15, 0.22)])  # fmt: skip

        self.flesh(haunch(-near), fluffy=0.8)
        hind_foot(-near)
        self.flesh(
            ("torso", self.fur, [(0, 1.3, 0.0, 0.8 * w), (0, foot - 0.9, -1.0, 0.88 * w),
                                 (0, foot - 0.8, -0.2, 0.7 * w)]),
            haunch(near),
            ("neck", self.fur, [(0, 0.4, -0.2, 0.6 * w), (0, 1.5, 0.1, 0.8 * w),
                                (0, 1.9, 0.15, 0.7 * w)]),
            fluffy=1.0,
        )  # fmt: skip
        hind_foot(near)
        self.bib((0, 0.8, 0.5, 0.36 * w), (0, 1.5, 0.62, 0.46 * w), (0, 2.0, 0.6, 0.3 * w))
        for side in (-near, near):
            x = side * 0.4 * w
            self.flesh(("leg", self.fur, [(x, 1.75, 0.45, 0.36), (x, foot - 0.3, 0.6, 0.25)]))
            self.chain("leg", self.paw, [(x, foot - 0.7, 0.6, 0.23), (x, foot - 0.22, 0.6, 0.25),
                                         (x, foot - 0.2, 0.8, 0.24)])  # fmt: skip

    def standing(self) -> None:
        w, foot, near = self.width, self.foot, self.near
        spine, front, back = 1.2, -0.7, -2.9

        def leg(side: int, z: float) -> tuple[str, Colour, list]:
            x, colour = side * 0.46 * w, self.fur if side == near else darker(self.fur, 0.8)
            hock = z - 0.15 if z == back else z
            return ("leg", colour, [(x, spine + 0.45, z, 0.4), (x, foot - 0.7, hock, 0.24)])

        def foot_of(side: int, z: float) -> None:
            x, colour = side * 0.46 * w, self.paw if side == near else darker(self.paw, 0.8)
            hock = z - 0.15 if z == back else z
            self.chain("leg", colour, [(x, foot - 0.65, hock, 0.22), (x, foot - 0.22, hock, 0.21),
                                       (x, foot - 0.2, hock + 0.25, 0.21)])  # fmt: skip

        for z in (back, front):
            self.flesh(leg(-near, z))
            foot_of(-near, z)
        self.chain("tail", self.back, [(0, spine - 0.3, back - 0.4, 0.26),
                                       (0, spine - 0.9, back - 0.95, 0.2),
                                       (0, spine - 1.5, back - 0.85, 0.12)])  # fmt: skip
        x = near * 0.46 * w
        self.flesh(
            leg(near, back),
            leg(near, front),
            ("torso", self.fur, [(0, spine, front, 0.84 * w), (0, spine + 0.02, back, 0.74 * w),
                                 (0, spine + 0.15, front, 0.82 * w)]),
            ("thigh", self.fur, [(x, spine + 0.15, back, 0.5), (x, spine + 0.5, back, 0.38)]),
            ("neck", self.fur, [(0, 0.3, -0.2, 0.55 * w), (0, spine - 0.05, front, 0.74 * w)]),
            fluffy=0.9,
        )  # fmt: skip
        for z in (back, front):
            foot_of(near, z)

    def lying(self) -> None:
        w, foot, near = self.width, self.foot, self.near
        self.chain("tail", self.back, [(0, foot - 0.35, -2.9, 0.26),
                                       (0.4 * near, foot - 0.22, -3.6, 0.2),
                                       (0.8 * near, foot - 0.2, -4.0, 0.13)])  # fmt: skip
        x = -near * 0.45 * w
        self.chain("leg", darker(self.paw, 0.86),
                   [(x, foot - 0.3, -0.4, 0.3), (x, foot - 0.24, 1.1, 0.25)])  # fmt: skip
        x = near * 0.6 * w
        self.flesh(
            ("torso", self.fur, [(0, foot - 0.85, -0.6, 0.84 * w),
                                 (0, foot - 0.8, -2.3, 0.78 * w)]),
            ("thigh", self.fur, [(x, foot - 0.65, -2.2, 0.6), (x, foot - 0.35, -1.6, 0.34)]),
            ("neck", self.fur, [(0, 0.3, -0.2, 0.58 * w), (0, foot - 0.9, -0.4, 0.82 * w)]),
            fluffy=1.0,
        )  # fmt: skip
        self.chain("leg", self.paw,
                   [(x, foot - 0.22, -1.9, 0.22), (x, foot - 0.21, -1.1, 0.22)])  # fmt: skip
        self.bib((0, 0.7, 0.35, 0.3 * w), (0, foot - 0.8, 0.3, 0.42 * w))
        x = near * 0.45 * w
        self.flesh(("leg", self.fur, [(x, foot - 0.5, -0.4, 0.4), (x, foot - 0.3, 0.4, 0.28)]))
        self.chain("leg", self.paw,
                   [(x, foot - 0.27, 0.4, 0.26), (x, foot - 0.24, 1.2, 0.26)])  # fmt: skip
