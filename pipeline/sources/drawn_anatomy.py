"""A drawn dog's parts: the head with its ears, muzzle and eyes, and the body in four poses."""

import itertools
from dataclasses import dataclass

import numpy as np

from pipeline.sources.drawn_breeds import Breed, Colour
from pipeline.sources.drawn_canvas import Layer, View, darker, hull, rotation, tufts
from pipeline.sources.drawn_coat import body_marks, head_marks

_LINE = 0.045  # width of the outlines in head radii
_TONGUE = (226, 112, 122)


@dataclass(frozen=True)
class Stance:
    """How one dog is placed: angles in radians, place in pixels of the picture."""

    pose: str  # portrait | sitting | standing | lying
    head_x: float
    head_y: float
    unit: float  # a head radius in pixels
    head_yaw: float
    head_pitch: float
    head_roll: float
    body_yaw: float
    tongue: bool


def draw(layer: Layer, breed: Breed, stance: Stance, rng: np.random.Generator) -> None:
    """Paint the whole dog onto an empty layer."""
    painter = _Painter(layer, breed, stance, rng)
    painter.body()
    painter.head()


def ground(breed: Breed, pose: str) -> float:
    """How far the ground lies below the centre of the head, in head radii."""
    return {
        "portrait": 6.0,
        "sitting": 2.9 + 1.2 * breed.legs,
        "standing": 2.15 + 1.7 * breed.legs,
        "lying": 2.2,
    }[pose]


class _Painter:
    def __init__(
        self, layer: Layer, breed: Breed, stance: Stance, rng: np.random.Generator
    ) -> None:
        self.layer, self.breed, self.stance, self.rng = layer, breed, stance, rng
        self.line = _LINE * stance.unit
        place = np.array([stance.head_x, stance.head_y])
        turn = rotation(stance.head_yaw, stance.head_pitch, stance.head_roll)
        self.face = View(turn, place, stance.unit)
        self.trunk = View(rotation(stance.body_yaw, 0.1), place, stance.unit)
        # Markings are the dog's own: the same however many draws its other parts take.
        jitter = rng.uniform(0.93, 1.05) * rng.uniform(0.98, 1.02, 3)
        self.jitter = jitter
        self.width = breed.build * rng.uniform(0.94, 1.06)

    def tone(self, colour: Colour) -> Colour:
        return tuple(
            int(min(255, channel * by)) for channel, by in zip(colour, self.jitter, strict=True)
        )

    def fur(self, outline: np.ndarray, share: float = 1.0) -> np.ndarray:
        if not self.breed.fluff:
            return outline
        return tufts(outline, self.breed.fluff * share * self.stance.unit, self.rng)

    # --- the body -----------------------------------------------------------------------------
    def limb(self, spheres: list, colour: Colour, *, part: str, fluffy: float = 0.7) -> None:
        circles = self.trunk.circles(spheres)
        marks = body_marks(self.breed, circles, self.stance.unit, self.rng, part=part)
        marks = [(polygons, self.tone(paint)) for polygons, paint in marks]
        self.layer.solid(
            self.fur(hull(circles), fluffy), self.tone(colour), marks=marks, line=self.line
        )

    def chain(self, spheres: list, colour: Colour, *, part: str) -> None:
        """Bent parts: each pair of neighbouring spheres, joined without lines between."""
        outlines = [
            hull(self.trunk.circles(pair)) for pair in itertools.pairwise(spheres)
        ]
        for outline in outlines:
            self.layer.solid(outline, darker(self.tone(colour), 0.62), line=self.line, relief=0)
        for pair, outline in zip(itertools.pairwise(spheres), outlines, strict=True):
            circles = self.trunk.circles(list(pair))
            marks = body_marks(self.breed, circles, self.stance.unit, self.rng, part=part)
            self.layer.solid(
                outline,
                self.tone(colour),
                marks=[(polygons, self.tone(paint)) for polygons, paint in marks],
            )

    def body(self) -> None:
        getattr(self, f"_{self.stance.pose}")()

    @property
    def paw(self) -> Colour:
        return self.breed.second

    def chest_patch(self, spheres: list) -> None:
        """A bib of the second colour, on the side that faces forward."""
        if self.breed.second == self.breed.coat or self.trunk.depth((0, 0, 1)) < 0.3:
            return
        outline = self.fur(self.trunk.solid(spheres), 1.0)
        self.layer.solid(outline, self.tone(self.breed.second), relief=0.5)

    def _portrait(self) -> None:
        w = self.width
        coat = self.breed.coat
        self.limb(
            [
                (-0.85 * w, 2.9, -0.5, 0.85),
                (0.85 * w, 2.9, -0.5, 0.85),
                (-0.9 * w, 6, -0.4, 0.9),
                (0.9 * w, 6, -0.4, 0.9),
            ],
            coat,
            part="torso",
            fluffy=1.2,
        )
        self.limb(
            [(0, 0.5, -0.25, 0.62 * w), (0, 2.6, -0.1, 0.95 * w)], coat, part="neck", fluffy=1.2
        )
        self.chest_patch([(0, 1.9, 0.5, 0.32 * w), (0, 3.0, 0.55, 0.5 * w), (0, 6, 0.6, 0.5 * w)])

    def _sitting(self) -> None:
        w, b = self.width, self.breed
        foot = ground(b, "sitting")
        near = 1 if self.trunk.depth((1, 0, 0)) > 0 else -1
        tail = [
            (0.2, foot - 0.35, -1.9, 0.26),
            (0.9 * near, foot - 0.25, -2.3, 0.2),
            (1.5 * near, foot - 0.3, -2.0, 0.12),
        ]
        self.chain(tail, b.dark if "saddle" in b.markings else b.coat, part="tail")
        self.limb(
            [(-near * 0.75 * w, foot - 0.7, -1.0, 0.6), (-near * 0.8 * w, foot - 0.2, -0.3, 0.26)],
            b.coat,
            part="leg",
        )
        self.limb(
            [
                (0, 1.5, 0.0, 0.85 * w),
                (0, foot - 1.0, -1.2, 0.95 * w),
                (0, foot - 1.2, -0.2, 0.6 * w),
            ],
            b.coat,
            part="torso",
            fluffy=1.2,
        )
        self.limb(
            [(near * 0.8 * w, foot - 0.75, -1.0, 0.66), (near * 0.8 * w, foot - 0.5, -0.7, 0.5)],
            b.coat,
            part="thigh",
        )
        self.chain(
            [(near * 0.85 * w, foot - 0.25, -0.6, 0.25), (near * 0.85 * w, foot - 0.2, 0.1, 0.24)],
            self.paw,
            part="leg",
        )
        self.limb(
            [(0, 0.4, -0.2, 0.6 * w), (0, 1.7, 0.1, 0.85 * w)], b.coat, part="neck", fluffy=1.2
        )
        self.chest_patch([(0, 1.5, 0.62, 0.3 * w), (0, 2.2, 0.7, 0.42 * w)])
        for side in (-near, near):
            x = side * 0.42 * w
            self.limb(
                [(x, 1.9, 0.45, 0.36), (x, foot - 0.3, 0.6, 0.25)], b.coat, part="leg", fluffy=0.4
            )
            self.chain(
                [
                    (x, foot - 0.75, 0.6, 0.235),
                    (x, foot - 0.22, 0.6, 0.25),
                    (x, foot - 0.2, 0.8, 0.22),
                ],
                self.paw,
                part="leg",
            )

    def _standing(self) -> None:
        w, b = self.width, self.breed
        foot = ground(b, "standing")
        top = 1.5  # height of the spine's centre line below the head
        near = 1 if self.trunk.depth((1, 0, 0)) > 0 else -1
        front, back = -0.8, -3.4
        for side in (-near, near):
            if side == near:
                self.limb(
                    [
                        (0, top, front, 0.88 * w),
                        (0, top + 0.05, back, 0.78 * w),
                        (0, top + 0.2, front, 0.85 * w),
                    ],
                    b.coat,
                    part="torso",
                    fluffy=1.2,
                )
                self.chain(
                    [
                        (0, top - 0.4, back - 0.5, 0.26),
                        (0, top - 1.1, back - 1.1, 0.22),
                        (0, top - 1.7, back - 1.0, 0.12),
                    ],
                    b.dark if "saddle" in b.markings else b.coat,
                    part="tail",
                )
            x = side * 0.48 * w
            shade = 1.0 if side == near else 0.82
            coat, paw = darker(b.coat, shade), darker(self.paw, shade)
            self.limb(
                [(x, top + 0.4, back, 0.56), (x, foot - 0.9, back - 0.25, 0.3)],
                coat,
                part="thigh",
                fluffy=0.5,
            )
            self.chain(
                [
                    (x, foot - 0.95, back - 0.25, 0.25),
                    (x, foot - 0.22, back - 0.1, 0.22),
                    (x, foot - 0.2, back + 0.12, 0.2),
                ],
                paw,
                part="leg",
            )
            self.limb(
                [(x, top + 0.4, front, 0.45), (x, foot - 0.8, front, 0.27)],
                coat,
                part="thigh",
                fluffy=0.5,
            )
            self.chain(
                [
                    (x, foot - 0.85, front, 0.235),
                    (x, foot - 0.22, front, 0.22),
                    (x, foot - 0.2, front + 0.2, 0.2),
                ],
                paw,
                part="leg",
            )
        self.limb(
            [(0, 0.35, -0.2, 0.55 * w), (0, top, front + 0.05, 0.8 * w)],
            b.coat,
            part="neck",
            fluffy=1.2,
        )

    def _lying(self) -> None:
        w, b = self.width, self.breed
        foot = ground(b, "lying")
        near = 1 if self.trunk.depth((1, 0, 0)) > 0 else -1
        self.chain(
            [
                (0, foot - 0.4, -3.4, 0.26),
                (0.4 * near, foot - 0.25, -4.3, 0.2),
                (0.8 * near, foot - 0.2, -4.8, 0.12),
            ],
            b.dark if "saddle" in b.markings else b.coat,
            part="tail",
        )
        x = -near * 0.5 * w
        self.chain(
            [(x, foot - 0.3, -0.4, 0.3), (x, foot - 0.25, 1.1, 0.25)],
            darker(self.paw, 0.85),
            part="leg",
        )
        self.limb(
            [(0, foot - 0.9, -0.7, 0.88 * w), (0, foot - 0.85, -2.8, 0.82 * w)],
            b.coat,
            part="torso",
            fluffy=1.2,
        )
        x = near * 0.62 * w
        self.limb(
            [(x, foot - 0.7, -2.7, 0.68), (x, foot - 0.35, -2.0, 0.34)],
            b.coat,
            part="thigh",
            fluffy=0.6,
        )
        self.chain(
            [(x, foot - 0.22, -2.4, 0.22), (x, foot - 0.2, -1.5, 0.22)], self.paw, part="leg"
        )
        self.limb(
            [(0, 0.35, -0.2, 0.58 * w), (0, foot - 0.95, -0.5, 0.85 * w)],
            b.coat,
            part="neck",
            fluffy=1.2,
        )
        x = near * 0.5 * w
        self.chain(
            [
                (x, foot - 0.45, -0.5, 0.38),
                (x, foot - 0.25, 0.3, 0.27),
                (x, foot - 0.22, 1.2, 0.25),
            ],
            self.paw,
            part="leg",
        )

    # --- the head -----------------------------------------------------------------------------
    def head(self) -> None:
        b = self.breed
        sides = sorted((-1, 1), key=lambda side: self.face.depth((side, 0, 0)))
        behind = b.ears == "prick"
        for side in sides:
            if behind or self.face.depth((side, 0, 0.3)) < -0.25:
                self.ear(side)
        w = 0.5 + 0.5 * b.build
        skull = [
            (-0.2 * w, -0.12, 0, 0.82),
            (0.2 * w, -0.12, 0, 0.82),
            (-0.36 * w, 0.3, 0.12, 0.56),
            (0.36 * w, 0.3, 0.12, 0.56),
        ]
        marks = [
            (polygons, self.tone(paint)) for polygons, paint in head_marks(b, self.face, self.rng)
        ]
        self.layer.solid(
            self.fur(self.face.solid(skull)), self.tone(b.coat), marks=marks, line=self.line
        )
        far, near = sides
        hidden = self.face.depth((far, 0, 1.6)) < 0.9
        if hidden:
            self.eye(far)
        else:
            self.eye(far)
        self.eye(near)
        self.muzzle()
        for side in sides:
            if not (behind or self.face.depth((side, 0, 0.3)) < -0.25):
                self.ear(side)

    def ear(self, side: int) -> None:
        b = self.breed
        swing = self.rng.uniform(-0.08, 0.08)
        s = side
        inner: list | None = None
        if b.ears == "prick":
            shape = [
                (s * 0.28, -0.72, -0.05, 0.14),
                (s * 0.8, -0.3, -0.1, 0.16),
                (s * (0.78 + swing), -1.45, 0.0, 0.07),
            ]
            inner = [
                (s * 0.42, -0.72, 0.08, 0.08),
                (s * 0.74, -0.5, 0.05, 0.08),
                (s * (0.75 + swing), -1.22, 0.1, 0.04),
            ]
        elif b.ears == "button":
            shape = [
                (s * 0.42, -0.82, 0.1, 0.1),
                (s * 0.9, -0.5, -0.05, 0.12),
                (s * (0.88 + swing), -0.2, 0.5, 0.1),
            ]
        elif b.ears == "drop":
            shape = [
                (s * 0.62, -0.62, 0.0, 0.16),
                (s * 0.95, -0.3, 0.05, 0.26),
                (s * (1.05 + swing), 0.32, 0.1, 0.24),
            ]
        else:
            shape = [
                (s * 0.66, -0.5, 0.0, 0.16),
                (s * 1.02, 0.1, 0.05, 0.28),
                (s * (1.08 + swing), 0.95, 0.15, 0.3),
            ]
        colour = self.tone(b.ear)
        self.layer.solid(self.fur(self.face.solid(shape), 0.8), colour, line=self.line)
        if inner and self.face.depth((0, 0, 1)) > 0.2:
            self.layer.solid(
                self.face.solid(inner),
                (214, 160, 150) if min(b.ear) > 120 else darker((214, 160, 150), 0.75),
                relief=0,
            )

    def eye(self, side: int) -> None:
        wide = 0.185
        place = (side * 0.4, -0.1, 0.78)
        ring, facing = self.face.disc(place, (side * 0.35, -0.05, 1.0), wide + 0.045, wide + 0.05)
        if facing < 0.12:
            return
        pale = sum(self.tone(self.breed.coat)) < 330 or "mask" in self.breed.markings
        self.layer.detail(ring, (120, 96, 80) if pale else (58, 42, 36))
        ball, _ = self.face.disc(place, (side * 0.35, -0.05, 1.0), wide, wide * 1.05)
        self.layer.detail(ball, self.breed.eye)
        pupil, _ = self.face.disc(place, (side * 0.35, -0.05, 1.0), wide * 0.62, wide * 0.68)
        self.layer.detail(pupil, (18, 14, 14))
        (centre,) = self.face.points([place])
        shine = View(
            np.eye(3), centre + self.layer.light * wide * 0.4 * self.stance.unit, self.stance.unit
        )
        self.layer.detail(shine.disc((0, 0, 0), (0, 0, 1), 0.065, 0.065)[0], (252, 252, 252))

    def muzzle(self) -> None:
        b = self.breed
        reach, tip, drop, spread = {
            "short": (0.62, 0.34, 0.36, 0.2),
            "medium": (0.95, 0.32, 0.42, 0.08),
            "long": (1.3, 0.27, 0.46, 0.03),
            "square": (0.95, 0.38, 0.5, 0.14),
        }[b.muzzle]
        root = 0.40 if b.muzzle != "long" else 0.36
        shape = [
            (0, 0.32, 0.45, root),
            (-spread, drop, reach, tip),
            (spread, drop, reach, tip),
            (0, drop - 0.1, reach, tip * 0.9),
        ]
        f = self.face
        colour = b.dark if "mask" in b.markings else b.second
        if self.stance.tongue:
            tongue = [
                (0, drop + tip * 0.8, reach * 0.9, 0.15),
                (0, drop + tip + 0.32, reach * 0.95, 0.16),
            ]
            self.layer.solid(f.solid(tongue), _TONGUE, line=self.line * 0.8)
        outline = f.solid(shape)
        if b.beard:
            beard = [
                (-0.3, drop + 0.1, reach * 0.7, 0.3),
                (0.3, drop + 0.1, reach * 0.7, 0.3),
                (0, drop + 0.45, reach * 0.8, 0.28),
            ]
            self.layer.solid(
                tufts(f.solid(beard), 0.12 * self.stance.unit, self.rng),
                self.tone(b.second),
                line=self.line,
            )
        self.layer.solid(
            outline,
            self.tone(colour),
            line=self.line * 0.7 if b.muzzle != "short" else self.line * 0.4,
        )
        # The mouth: down from the nose, then along both sides.
        front = reach + tip
        mouth = darker(self.tone(colour), 0.45) if sum(colour) > 250 else (20, 16, 18)
        mid = (0, drop + tip * 0.45, front - tip * 0.12)
        for side in (-1, 1):
            corner = (side * (spread + tip) * 0.85, drop + tip * 0.55, reach * 0.75)
            under = (side * (spread + tip) * 0.5, drop + tip * 0.75, front - tip * 0.3)
            if f.depth((side, 0, 0.5)) > -0.35:
                self.layer.stroke(f.points([mid, under, corner]), mouth, self.line * 1.1)
        self.layer.stroke(f.points([(0, drop - tip * 0.2, front), mid]), mouth, self.line * 1.1)
        nose, _ = f.disc((0, drop - tip * 0.45, front - 0.05), (0, -0.25, 1), 0.2, 0.15)
        side_view = f.circles([(0, drop - tip * 0.45, front - 0.1, 0.13)])
        self.layer.detail(
            hull(np.vstack([side_view, np.column_stack([nose, np.full(20, 0.01)])])), b.nose
        )
        (centre,) = f.points([(0, drop - tip * 0.6, front)])
        shine = View(
            np.eye(3), centre + self.layer.light * 0.04 * self.stance.unit, self.stance.unit
        )
        self.layer.detail(shine.disc((0, 0, 0), (0, 0, 1), 0.07, 0.035)[0], (150, 146, 148))
