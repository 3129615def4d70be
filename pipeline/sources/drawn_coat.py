"""What is painted over a drawn dog's coat: markings of the head and of the body, cut to each part."""

import math

import numpy as np

from pipeline.sources.drawn_breeds import Breed, Colour
from pipeline.sources.drawn_canvas import View, blob

Marks = list[tuple[list[np.ndarray], Colour]]


def head_marks(breed: Breed, view: View, rng: np.random.Generator) -> Marks:
    """The markings of the skull, from the back to the front."""
    marks: Marks = []
    for name in breed.markings:
        if name == "blaze":
            stripe = rng.uniform(0.1, 0.24)
            marks.append(
                (
                    [
                        view.patch(
                            [
                                (-stripe, -1.0, 0.5),
                                (stripe, -1.0, 0.5),
                                (stripe, -0.1, 1.0),
                                (0.5, 0.55, 0.8),
                                (0.0, 1.0, 0.5),
                                (-0.5, 0.55, 0.8),
                                (-stripe, -0.1, 1.0),
                            ]
                        )
                    ],
                    breed.second,
                )
            )
        elif name == "white_face":
            marks.append(
                (
                    [
                        view.cap((-0.5, 0.42, 0.75), 0.62),
                        view.cap((0.5, 0.42, 0.75), 0.62),
                        view.cap((-0.34, -0.42, 0.85), 0.2),
                        view.cap((0.34, -0.42, 0.85), 0.2),
                        view.cap((0, 0.5, 0.8), 0.5),
                    ],
                    breed.second,
                )
            )
        elif name == "mask":
            marks.append(
                (
                    [
                        view.cap((-0.4, 0.0, 0.9), 0.33),
                        view.cap((0.4, 0.0, 0.9), 0.33),
                        view.cap((0, 0.45, 0.9), 0.52),
                    ],
                    breed.dark,
                )
            )
        elif name == "brows":
            marks.append(([view.cap((0, 0.75, 0.7), 0.6)], breed.second))
        elif name == "cheeks":
            marks.append(
                (
                    [
                        view.cap((-0.62, 0.5, 0.6), 0.5),
                        view.cap((0.62, 0.5, 0.6), 0.5),
                        view.cap((0, 0.7, 0.7), 0.55),
                        view.cap((-0.34, -0.36, 0.85), 0.13),
                        view.cap((0.34, -0.36, 0.85), 0.13),
                    ],
                    breed.second,
                )
            )
        elif name == "tan_points":
            marks.append(
                (
                    [
                        view.cap((-0.5, 0.6, 0.65), 0.36),
                        view.cap((0.5, 0.6, 0.65), 0.36),
                        view.cap((-0.34, -0.38, 0.85), 0.15),
                        view.cap((0.34, -0.38, 0.85), 0.15),
                    ],
                    breed.second,
                )
            )
        elif name == "eye_patches":
            marks.append(
                (
                    [view.cap((-0.62, -0.2, 0.65), 0.62), view.cap((0.62, -0.2, 0.65), 0.62)],
                    breed.dark,
                )
            )
        elif name == "one_patch":
            side = 1 if rng.random() < 0.5 else -1
            marks.append(([view.cap((0.55 * side, -0.15, 0.75), 0.52)], breed.dark))
        elif name == "spots":
            marks.append(
                (
                    [view.cap(_direction(rng), rng.uniform(0.07, 0.16)) for _ in range(16)],
                    breed.dark,
                )
            )
        elif name == "brindle":
            marks.append((_stripes(view.circle(0, 0, 0, 1.05), rng), breed.dark))
        elif name == "merle":
            marks.append(
                ([view.cap(_direction(rng), rng.uniform(0.12, 0.3)) for _ in range(9)], breed.dark)
            )
    return marks


def body_marks(
    breed: Breed, circles: np.ndarray, unit: float, rng: np.random.Generator, *, part: str
) -> Marks:
    """The markings of a part of the body (`torso`, `leg` or `tail`) drawn as these circles
    (n, 3) in pixels; `unit` is a head radius in pixels."""
    low, high = circles[:, :2].min(axis=0), circles[:, :2].max(axis=0)
    reach = circles[:, 2].max()
    low, high = low - reach, high + reach
    marks: Marks = []
    for name in breed.markings:
        if name == "saddle" and part == "torso":
            edge = low[1] + (high[1] - low[1]) * 0.56
            x = np.linspace(low[0], high[0], 7)
            wave = edge + rng.uniform(-0.12, 0.12, 7) * unit
            lower = np.stack([x, wave], axis=1)[::-1]
            marks.append(([np.vstack([[low, (high[0], low[1])], lower])], breed.dark))
        elif name == "spots":
            count = max(3, int(np.prod((high - low) / unit) * 2.2))
            marks.append(
                (
                    [
                        blob(rng.uniform(low, high), rng.uniform(0.07, 0.17) * unit, rng)
                        for _ in range(count)
                    ],
                    breed.dark,
                )
            )
        elif name == "patches" and part == "torso":
            marks.append(
                (
                    [
                        blob(
                            rng.uniform(low + 0.2 * unit, high), rng.uniform(0.35, 0.7) * unit, rng
                        )
                        for _ in range(2)
                    ],
                    breed.dark,
                )
            )
        elif name == "brindle":
            marks.append((_stripes((low, high), rng), breed.dark))
        elif name == "merle" and part != "leg":
            count = max(3, int(np.prod((high - low) / unit) * 1.0))
            marks.append(
                (
                    [
                        blob(rng.uniform(low, high), rng.uniform(0.12, 0.32) * unit, rng)
                        for _ in range(count)
                    ],
                    breed.dark,
                )
            )
    return marks


def _direction(rng: np.random.Generator) -> tuple[float, float, float]:
    x, y, z = rng.standard_normal(3)
    return (x, y, abs(z) + 0.2)


def _stripes(box: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Slanted, wavy stripes over a box (low corner, high corner)."""
    low, high = box
    count = 8
    step = (high[0] - low[0]) / count
    stripes = []
    for index in range(count + 2):
        x = low[0] + (index - 0.5) * step + rng.uniform(-0.2, 0.2) * step
        y = np.linspace(low[1], high[1], 8)
        centre = x + step * 0.35 * np.sin((y - low[1]) / step * 1.1 + index)
        half = step * rng.uniform(0.08, 0.2) * np.sin(np.linspace(0.15, math.pi - 0.15, 8))
        stripes.append(
            np.vstack(
                [np.stack([centre - half, y], axis=1), np.stack([centre + half, y], axis=1)[::-1]]
            )
        )
    return stripes
