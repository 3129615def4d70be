"""Where a drawn dog takes shape: solids of spheres seen from the front, and a layer to paint them."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.sources.drawn_breeds import Colour

SUPERSAMPLING = 3  # drawn this many times larger, then shrunk: smooth edges
_DIRECTIONS = np.stack(
    [
        np.cos(np.linspace(0, 2 * np.pi, 56, endpoint=False)),
        np.sin(np.linspace(0, 2 * np.pi, 56, endpoint=False)),
    ],
    axis=1,
)  # (56, 2)


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """A 3 x 3 rotation; x points right, y down, z to the viewer; angles in radians.

    `yaw` turns what looks at the viewer to the right of the picture, `pitch` lowers its nose,
    `roll` tilts it clockwise.
    """
    cos, sin = math.cos(yaw), math.sin(yaw)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    cos, sin = math.cos(pitch), math.sin(pitch)
    nod = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    cos, sin = math.cos(roll), math.sin(roll)
    tilt = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return tilt @ nod @ turn


def hull(circles: np.ndarray) -> np.ndarray:
    """The outline of the convex hull of circles (x, y, radius), shape (n, 3): points (56, 2)."""
    reach = _DIRECTIONS @ circles[:, :2].T + circles[:, 2]  # (56, n): how far each goes
    furthest = circles[np.argmax(reach, axis=1)]
    return furthest[:, :2] + furthest[:, 2:] * _DIRECTIONS


def tufts(outline: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """The outline with pointed tufts of fur of about this length."""
    closed = np.vstack([outline, outline[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = 2 * max(8, int(along[-1] / (2.2 * length)))
    at = np.linspace(0, along[-1], count, endpoint=False)
    points = np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], axis=1)
    tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)  # outlines run clockwise on screen
    push = np.where(np.arange(count) % 2, rng.uniform(0.5, 1.0, count), -0.1) * length
    droop = np.where(np.arange(count) % 2, 0.5, 0.0) * length  # fur hangs
    return points + normal * push[:, None] + np.stack([np.zeros(count), droop], axis=1)


def blob(centre: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """An irregular round patch (14, 2)."""
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = radius * (
        1
        + 0.22 * np.sin(2 * angles + rng.uniform(0, 6))
        + 0.14 * np.sin(3 * angles + rng.uniform(0, 6))
    )
    return centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]


class View:
    """A frame in space and how it shows on the picture: a rotation, then a parallel projection.

    Lengths are in head radii of the dog; `unit` is one in pixels, `origin` the frame's zero.
    """

    def __init__(self, matrix: np.ndarray, origin: np.ndarray, unit: float) -> None:
        self.matrix = matrix
        self.origin = np.asarray(origin, dtype=float)
        self.unit = unit

    def points(self, places: list) -> np.ndarray:
        """Places (n, 3) on the picture (n, 2)."""
        turned = np.asarray(places, dtype=float) @ self.matrix.T
        return self.origin + turned[:, :2] * self.unit

    def depth(self, place: tuple) -> float:
        """How far towards the viewer a place lies, in head radii."""
        return float(self.matrix[2] @ np.asarray(place, dtype=float))

    def circles(self, spheres: list) -> np.ndarray:
        """Spheres (x, y, z, radius) as circles on the picture (n, 3)."""
        spheres = np.asarray(spheres, dtype=float)
        return np.column_stack([self.points(spheres[:, :3]), spheres[:, 3] * self.unit])

    def solid(self, spheres: list) -> np.ndarray:
        """The outline of the convex hull of spheres (56, 2)."""
        return hull(self.circles(spheres))

    def circle(self, x: float, y: float, z: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """The box of a sphere: low corner, high corner."""
        (centre,) = self.points([(x, y, z)])
        return centre - radius * self.unit, centre + radius * self.unit

    def patch(self, directions: list) -> np.ndarray:
        """A polygon on the unit sphere, through these directions; what lies on the far side is
        pushed out to the rim, where the part it is painted on cuts it."""
        directions = np.asarray(directions, dtype=float)
        turned = directions / np.linalg.norm(directions, axis=1)[:, None] @ self.matrix.T
        rim = np.maximum(np.hypot(turned[:, 0], turned[:, 1]), 1e-6)
        push = np.where(turned[:, 2] < 0, (1 - turned[:, 2]) / rim, 1.0)
        return self.origin + turned[:, :2] * push[:, None] * self.unit

    def cap(self, direction: tuple, angle: float) -> np.ndarray:
        """A round patch on the unit sphere about a direction, of this angular radius (20, 2)."""
        axis = np.asarray(direction, dtype=float)
        axis /= np.linalg.norm(axis)
        side = np.cross(axis, (0.0, 1.0, 0.01))
        side /= np.linalg.norm(side)
        up = np.cross(side, axis)
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)[:, None]
        ring = np.cos(turn) * side + np.sin(turn) * up
        return self.patch(axis * math.cos(angle) + ring * math.sin(angle))

    def disc(
        self, centre: tuple, normal: tuple, wide: float, high: float
    ) -> tuple[np.ndarray, float]:
        """A flat ellipse (20, 2) at a place, facing a direction, and how much it faces the
        viewer: 1 straight, 0 edge on, below 0 away."""
        axis = np.asarray(normal, dtype=float)
        axis /= np.linalg.norm(axis)
        side = np.cross((0.0, 1.0, 0.0), axis)
        side /= np.linalg.norm(side)
        up = np.cross(side, axis)
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)[:, None]
        places = np.asarray(centre) + np.cos(turn) * side * wide + np.sin(turn) * up * high
        return self.points(places), self.depth(tuple(axis))


def darker(colour: Colour, factor: float) -> Colour:
    return tuple(round(channel * factor) for channel in colour)


class Layer:
    """A dog, or what stands before it: colours, coverage and soft shading, same size as the picture.

    Coordinates are pixels of the finished picture.
    """

    def __init__(self, size: tuple[int, int], light: tuple[float, float]) -> None:
        large = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
        self.size = size
        self.light = np.array(light)  # where the light comes from, on the picture, length about 1
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
        marks: list[tuple[list[np.ndarray], Colour]] = (),
        line: float = 0.0,
        relief: float = 1.0,
    ) -> None:
        """Paint a rounded shape; each mark is a list of polygons and their colour, cut to it."""
        points = _large(outline)
        self._paint.polygon(points, fill=colour)
        self._covering.polygon(points, fill=255)
        if marks:
            self._marks(points, marks)
        if line > 0:
            width = max(1, round(line * SUPERSAMPLING))
            edge = darker(colour, 0.62)
            self._paint.line([*points, points[0], points[1]], fill=edge, width=width, joint="curve")
            self._covering.line([*points, points[0], points[1]], fill=255, width=width)
        if relief:
            self._relief(outline, relief)

    def detail(self, outline: np.ndarray, colour: Colour) -> None:
        """Paint a flat shape (an eye, a nose) onto what is there."""
        points = _large(outline)
        self._paint.polygon(points, fill=colour)
        self._covering.polygon(points, fill=255)

    def stroke(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """Paint a line onto what is there."""
        self._paint.line(
            _large(points), fill=colour, width=max(1, round(width * SUPERSAMPLING)), joint="curve"
        )

    def _marks(self, points: list, marks: list[tuple[list[np.ndarray], Colour]]) -> None:
        corner = np.floor(np.min(points, axis=0)).astype(int)
        corner = np.maximum(corner, 0)
        far = np.minimum(np.ceil(np.max(points, axis=0)).astype(int) + 1, self._colour.size)
        size = tuple(int(side) for side in far - corner)
        if min(size) <= 0:
            return
        inside = Image.new("L", size)
        ImageDraw.Draw(inside).polygon([tuple(p) for p in np.array(points) - corner], fill=255)
        nothing = Image.new("L", size)
        for polygons, colour in marks:
            mark = nothing.copy()
            draw = ImageDraw.Draw(mark)
            for polygon in polygons:
                draw.polygon([tuple(p) for p in polygon * SUPERSAMPLING - corner], fill=255)
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
            self._shading.polygon([tuple(p) for p in moved], fill=level)

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


def _large(outline: np.ndarray) -> list[tuple[float, float]]:
    return [tuple(point) for point in (outline * SUPERSAMPLING).tolist()]
