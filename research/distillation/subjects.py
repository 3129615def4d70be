"""Images of other subjects than dogs: the course's data sets, and drawn scenes.

Half of the kinds are trained on, the others are kept for the evaluation.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipeline.data.arrays import cifar, idx
from research.distillation.data import FILTERS, SIDE_PX

_CANVAS_PX = 2 * SIDE_PX  # drawn so large, then shrunk: soft edges
_Colour = tuple[int, ...]


def data_set_kinds(
    *, mnist: Path, fashion_mnist: Path, cifar10: Path
) -> dict[str, dict[str, np.ndarray]]:
    """Return the images of the course's data sets as {"training": ..., "test": ...}, by kind, each
    (N, side, side) or (N, side, side, 3) uint8 in its own size.

    MNIST's digits and CIFAR-10's even classes are trained on; Fashion-MNIST and the odd ones are
    not.

    Args:
        mnist, fashion_mnist, cifar10: folders with the original files, packed or not.

    Raises:
        InputError: a file is missing, damaged, or holds something else.
    """
    inner = cifar10 / "cifar-10-batches-py"
    photos, _, names = cifar.read(inner if inner.is_dir() else cifar10)
    classes = {f"cifar {name}": photos.images[photos.labels == i] for i, name in enumerate(names)}
    kinds = list(classes)
    return {
        "training": {"mnist": _digits(mnist)} | {kind: classes[kind] for kind in kinds[::2]},
        "test": {"fashion": _digits(fashion_mnist)} | {kind: classes[kind] for kind in kinds[1::2]},
    }


def _digits(folder: Path) -> np.ndarray:
    """Return the training images of MNIST, or of a data set in its form."""
    path = folder / "train-images-idx3-ubyte"
    return idx.read(path if path.is_file() else path.with_name(f"{path.name}.gz"), dimensions=3)


def chosen(images: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` of the images, enlarged to (count, 64, 64, 3) uint8 with each of Pillow's
    filters in turn; grey ones become RGB."""
    rows = rng.choice(len(images), count, replace=False)
    made = [
        Image.fromarray(images[row])
        .convert("RGB")
        .resize((SIDE_PX, SIDE_PX), FILTERS[i % len(FILTERS)])
        for i, row in enumerate(rows)
    ]
    return np.stack([np.asarray(each) for each in made])


# --- drawn scenes ---------------------------------------------------------------------------------
def shapes(rng: np.random.Generator) -> Image.Image:
    """Draw ellipses, rectangles, triangles and lines over a gradient."""
    image = _gradient(_colour(rng), _colour(rng), rng)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 16))):
        colour = _colour(rng)
        middle = rng.uniform(0, _CANVAS_PX, 2)
        reach = rng.uniform(4, 44, 2)
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse(_box(middle, reach), fill=colour)
        elif kind == 1:
            draw.rectangle(_box(middle, reach), fill=colour)
        elif kind == 2:
            corners = middle + rng.normal(0, reach.mean(), (3, 2))
            draw.polygon([tuple(corner) for corner in corners], fill=colour)
        else:
            ends = middle + rng.normal(0, 40, (2, 2))
            draw.line([tuple(end) for end in ends], fill=colour, width=int(rng.integers(1, 9)))
    return image


def faces(rng: np.random.Generator) -> Image.Image:
    """Draw a person's head and shoulders, seen from the front."""
    image = _gradient(_colour(rng), _colour(rng), rng)
    draw = ImageDraw.Draw(image)
    tone = rng.uniform(0.35, 1.0)
    skin = _shade((255, 215, 185), tone)
    hair = _shade((120, 85, 50), rng.uniform(0.1, 1.8))
    middle = np.array([64, 62]) + rng.normal(0, 4, 2)
    width, height = np.array([27, 35]) * rng.uniform(0.8, 1.15)
    longer = rng.uniform(0, 13)

    def ellipse(x: float, y: float, reach_x: float, reach_y: float, fill: _Colour) -> None:
        draw.ellipse(_box(middle + np.array([x, y]), np.array([reach_x, reach_y])), fill=fill)

    def line(points: list[tuple[float, float]], fill: _Colour) -> None:
        draw.line([tuple(middle + np.array(point)) for point in points], fill=fill, width=2)

    ellipse(0, 72, 52, 40, _colour(rng))  # shoulders
    ellipse(0, longer - 8, width * 1.2, height * 1.2 + longer, hair)
    ellipse(0, height, width * 0.4, height * 0.6, _shade(skin, 0.9))  # neck
    ellipse(0, 0, width, height, skin)
    fringe = _box(middle - np.array([0, 3]), np.array([width, height]) * 1.04)
    draw.pieslice(fringe, 190, 350, fill=hair)
    iris = _shade((90, 120, 140), rng.random())
    for x in (-0.42 * width, 0.42 * width):
        ellipse(x, -4, 6, 3.5, (245, 245, 245))
        ellipse(x, -4, 2.6, 2.8, iris)
        line([(x - 6, -12), (x + 6, -13)], hair)  # brow
    y = height * 0.22
    line([(0, y - 8), (3, y + 2), (-3, y + 3)], _shade(skin, 0.75))  # nose
    mouth = _box(middle + np.array([0, height * 0.5]), np.array([10, rng.uniform(2, 6)]))
    draw.chord(mouth, 0, 180, fill=(190, 80, 80))
    return image


def landscapes(rng: np.random.Generator) -> Image.Image:
    """Draw hills, trees and houses under a sky."""
    image = _gradient(_shade((90, 150, 230), rng.uniform(0.4, 1.1)), (235, 225, 210), rng, 0)
    draw = ImageDraw.Draw(image)
    sun = rng.uniform([10, 8], [118, 40])
    draw.ellipse(_box(sun, np.full(2, rng.uniform(4, 12))), fill=(255, 240, 190))
    x = np.arange(0, _CANVAS_PX + 1, 4)
    ground = rng.uniform(40, 80)
    for _ in range(int(rng.integers(2, 5))):
        waves = rng.uniform(4, 14) * np.sin(x / rng.uniform(12, 40) + rng.uniform(0, 6))
        line = np.stack([x, ground + waves], 1)
        colour = _shade((80, 140, 70), rng.uniform(0.4, 1.3))
        draw.polygon([*map(tuple, line), (_CANVAS_PX, _CANVAS_PX), (0, _CANVAS_PX)], fill=colour)
        for _ in range(int(rng.integers(0, 4))):
            root = line[rng.integers(len(line))]
            high = rng.uniform(8, 26)
            if rng.random() < 0.7:
                leaves = [(-high / 3, 0), (high / 3, 0), (0, -high)]
                colour = _shade((40, 100, 50), rng.uniform(0.4, 1.4))
                draw.polygon([tuple(root + leaf) for leaf in leaves], fill=colour)
            else:
                draw.rectangle(_box(root, np.array([high / 2, high / 2])), fill=_colour(rng))
                roof = [(-high * 0.6, -high / 2), (high * 0.6, -high / 2), (0, -high)]
                draw.polygon([tuple(root + corner) for corner in roof], fill=_colour(rng))
        ground += rng.uniform(12, 28)
    return image


def plates(rng: np.random.Generator) -> Image.Image:
    """Draw food on a plate, seen from above."""
    table = _shade((150, 110, 75), rng.uniform(0.4, 1.6))
    image = _gradient(table, _shade(table, 0.8), rng)
    draw = ImageDraw.Draw(image)
    middle, reach = 64 + rng.normal(0, 5, 2), rng.uniform(44, 58)
    white = _shade((245, 242, 235), rng.uniform(0.75, 1.0))
    draw.ellipse(_box(middle, np.full(2, reach)), fill=_shade(white, 0.85))
    draw.ellipse(_box(middle, np.full(2, reach * 0.93)), fill=white)
    for _ in range(int(rng.integers(2, 5))):
        heap = middle + rng.normal(0, reach * 0.3, 2)
        colour = np.array(_shade([(200, 120, 40), (170, 50, 30), (90, 130, 40), (230, 200, 110)][
            int(rng.integers(4))], 1))  # fmt: skip
        for _ in range(int(rng.integers(3, 30))):
            piece = tuple(int(each) for each in np.clip(colour + rng.normal(0, 22, 3), 0, 255))
            draw.ellipse(_box(heap + rng.normal(0, 9, 2), rng.uniform(2, 9, 2)), fill=piece)
    return image


def _gradient(
    one: _Colour, other: _Colour, rng: np.random.Generator, angle: float | None = None
) -> Image.Image:
    """Return a canvas that goes from one colour to another; `angle` in radians from downwards,
    None: any."""
    angle = rng.uniform(0, 2 * np.pi) if angle is None else angle
    y, x = np.indices((_CANVAS_PX, _CANVAS_PX)) / _CANVAS_PX - 0.5
    share = np.clip(np.cos(angle) * y + np.sin(angle) * x + 0.5, 0, 1)[..., None]
    canvas = np.array(one) * (1 - share) + np.array(other) * share
    return Image.fromarray(canvas.round().astype(np.uint8))


def _colour(rng: np.random.Generator) -> _Colour:
    return tuple(int(each) for each in rng.integers(0, 256, 3))


def _shade(colour: _Colour, factor: float) -> _Colour:
    return tuple(min(255, round(each * factor)) for each in colour)


def _box(middle: np.ndarray, reach: np.ndarray) -> list[float]:
    return [*(middle - reach), *(middle + reach)]


# Trained on,
SCENES: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    function.__name__: function for function in (shapes, faces)
}
# and kept for the evaluation.
UNSEEN_SCENES: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    function.__name__: function for function in (landscapes, plates)
}


def drawn(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return drawn scenes of a kind, (count, 64, 64, 3) uint8."""
    draw = (SCENES | UNSEEN_SCENES)[kind]
    made = [draw(rng).resize((SIDE_PX, SIDE_PX), FILTERS[i % len(FILTERS)]) for i in range(count)]
    return np.stack([np.asarray(each) for each in made])
