"""Solids of spheres in space, and the outlines that they show on an image."""

import math

import numpy as np

_DIRECTIONS = np.stack(
    [
        np.cos(np.linspace(0, 2 * np.pi, 56, endpoint=False)),
        np.sin(np.linspace(0, 2 * np.pi, 56, endpoint=False)),
    ],
    axis=1,
)  # (56, 2)


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return a 3 x 3 rotation; x points right, y down, z to the viewer; angles in radians.

    `yaw` turns what looks at the viewer to the right of the image, `pitch` lowers its nose,
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
    """Return the outline (56, 2) of the convex hull of circles (x, y, radius), shape (n, 3)."""
    reach = _DIRECTIONS @ circles[:, :2].T + circles[:, 2]  # (56, n): how far each goes
    furthest = circles[np.argmax(reach, axis=1)]
    return furthest[:, :2] + furthest[:, 2:] * _DIRECTIONS


def tufts(outline: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Return the outline with hanging tufts of fur of about this length."""
    closed = np.vstack([outline, outline[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(9, int(along[-1] / (3.2 * length)))
    # Each tuft rises slowly and ends in a notch; its tip points down on either side.
    share = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.94])
    rise = np.array([0.0, 0.42, 0.72, 0.92, 1.0, 0.62])
    starts = (np.arange(count) + rng.uniform(-0.2, 0.2, count)) / count
    widths = np.diff(np.append(starts, starts[0] + 1))
    heights = length * rng.uniform(0.55, 1.0, count)
    middle = (starts + widths / 2) % 1 * along[-1]
    goes_down = np.interp(middle, along[:-1], np.gradient(closed[:-1, 1])) >= 0
    at, push = [], []
    for start, wide, high, down in zip(starts, widths, heights, goes_down, strict=True):
        at.append(start + wide * (share if down else 1 - share[::-1]))
        push.append(high * (rise if down else rise[::-1]))
    at, push = np.concatenate(at) % 1 * along[-1], np.concatenate(push)
    points = np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], axis=1)
    outward = points - points.mean(axis=0)
    tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    normal *= np.sign((normal * outward).sum(axis=1, keepdims=True))
    normal /= np.maximum(np.hypot(*normal.T), 1e-9)[:, None]
    return points + normal * push[:, None]


def blob(centre: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return an irregular round patch (14, 2)."""
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = radius * (
        1
        + 0.22 * np.sin(2 * angles + rng.uniform(0, 6))
        + 0.14 * np.sin(3 * angles + rng.uniform(0, 6))
    )
    return centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]


class View:
    """A frame in space and how it shows on the image: a rotation, then a parallel projection.

    Lengths are in head radii of the dog; `unit` is one in pixels, `origin` the frame's zero.
    """

    def __init__(self, matrix: np.ndarray, origin: np.ndarray, unit: float) -> None:
        self.matrix = matrix
        self.origin = np.asarray(origin, dtype=float)
        self.unit = unit

    def points(self, places: list) -> np.ndarray:
        """Return places (n, 3) as points on the image (n, 2)."""
        turned = np.asarray(places, dtype=float) @ self.matrix.T
        return self.origin + turned[:, :2] * self.unit

    def depth(self, place: tuple) -> float:
        """Return how far towards the viewer a place lies, in head radii."""
        return float(self.matrix[2] @ np.asarray(place, dtype=float))

    def circles(self, spheres: list) -> np.ndarray:
        """Return spheres (x, y, z, radius) as circles on the image (n, 3)."""
        spheres = np.asarray(spheres, dtype=float)
        return np.column_stack([self.points(spheres[:, :3]), spheres[:, 3] * self.unit])

    def solid(self, spheres: list) -> np.ndarray:
        """Return the outline of the convex hull of spheres (56, 2)."""
        return hull(self.circles(spheres))

    def circle(self, x: float, y: float, z: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the box of a sphere: low corner, high corner."""
        (centre,) = self.points([(x, y, z)])
        return centre - radius * self.unit, centre + radius * self.unit

    def patch(self, directions: list) -> np.ndarray:
        """Return a polygon on the unit sphere, through these directions; what lies on the far side
        is pushed out to the rim, where the part it is painted on cuts it."""
        directions = np.asarray(directions, dtype=float)
        turned = directions / np.linalg.norm(directions, axis=1)[:, None] @ self.matrix.T
        rim = np.maximum(np.hypot(turned[:, 0], turned[:, 1]), 1e-6)
        push = np.where(turned[:, 2] < 0, (1 - turned[:, 2]) / rim, 1.0)
        return self.origin + turned[:, :2] * push[:, None] * self.unit

    def cap(self, direction: tuple, angle: float) -> np.ndarray:
        """Return a round patch (20, 2) on the unit sphere; `angle` is its angular radius."""
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
        """Return a flat ellipse (20, 2) at a place, facing a direction, and how much it faces the
        viewer: 1 straight, 0 edge on, below 0 away."""
        axis = np.asarray(normal, dtype=float)
        axis /= np.linalg.norm(axis)
        side = np.cross((0.0, 1.0, 0.0), axis)
        side /= np.linalg.norm(side)
        up = np.cross(side, axis)
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)[:, None]
        places = np.asarray(centre) + np.cos(turn) * side * wide + np.sin(turn) * up * high
        return self.points(places), self.depth(tuple(axis))
