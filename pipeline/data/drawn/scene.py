"""One drawn image: one or two dogs before a background, and where each of them is seen."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.data.drawn.body import draw_body, ground
from pipeline.data.drawn.breeds import BREEDS, Breed
from pipeline.data.drawn.canvas import Layer
from pipeline.data.drawn.coat import Coat
from pipeline.data.drawn.geometry import View, rotation
from pipeline.data.drawn.head import draw_head
from pipeline.data.drawn.scenery import background, lit, obstacle

VISIBLE = 0.5  # a pixel belongs to a dog where the dog covers at least this share of it

_SIDES_PX = (160, 240)
_POSES = {"portrait": 0.74, "sitting": 0.11, "standing": 0.08, "lying": 0.07}
_TWO_DOGS, _OBSTACLE, _CUT, _TONGUE = 0.07, 0.14, 0.05, 0.35  # shares of the pictures


@dataclass(frozen=True)
class Scene:
    """A finished image. `visible` holds one boolean mask (height, width) a dog: the pixels
    where that dog, and nothing before it, is seen; `boxes` their tight extents (left, top,
    right, bottom), right and bottom exclusive."""

    breed: Breed
    image: Image.Image
    visible: list[np.ndarray]
    boxes: list[tuple[int, int, int, int]]


@dataclass(frozen=True)
class Stance:
    """How one dog is placed: angles in radians, the middle of its head in pixels."""

    pose: str
    x: float
    y: float
    unit: float  # a head radius in pixels
    head: np.ndarray  # rotations (3, 3)
    body: np.ndarray
    body_yaw: float


def scene(seed: int, number: int) -> Scene:
    """Draw image `number`, counted from 0. It depends on (seed, number) alone."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
    breed = BREEDS[number % len(BREEDS)]
    width, height = (int(side) for side in rng.integers(_SIDES_PX[0], _SIDES_PX[1] + 1, 2))
    light = (0.7 if rng.random() < 0.5 else -0.7, -0.7)
    canvas = background(width, height, rng)

    pose = str(rng.choice(list(_POSES), p=list(_POSES.values())))
    places = (0.28, 0.72) if rng.random() < _TWO_DOGS else (0.5,)
    stances = [_stance(breed, pose, place, len(places), width, height, rng) for place in places]
    for stance in stances:
        canvas = canvas * _shadow(breed, stance, width, height)[..., None]
    covers: list[np.ndarray] = []  # of each dog so far, what of it is still seen: 0 to 1
    for stance in stances:
        layer = Layer((width, height), light)
        coat = Coat(breed, stance.unit, rng)
        place = np.array([stance.x, stance.y])
        trunk = View(stance.body, place, stance.unit)
        draw_body(layer, coat, trunk, pose=pose, width=breed.build**0.7 * rng.uniform(0.94, 1.06))
        face = View(stance.head, place, stance.unit)
        draw_head(layer, coat, face, tongue=rng.random() < _TONGUE, rng=rng)
        colour, cover = layer.finish(0.16 * stance.unit)
        canvas = canvas + (colour - canvas) * cover[..., None]
        covers = [*(earlier * (1 - cover) for earlier in covers), cover]
    if rng.random() < _OBSTACLE:
        layer = Layer((width, height), light)
        obstacle(layer, stances[-1].x, stances[-1].unit, rng)
        colour, cover = layer.finish(1.5)
        canvas = canvas + (colour - canvas) * cover[..., None]
        covers = [earlier * (1 - cover) for earlier in covers]

    canvas = lit(canvas, light, rng)
    image = Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))
    visible = [cover >= VISIBLE for cover in covers]
    return Scene(breed, image, visible, [_extent(mask) for mask in visible])


def _extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _stance(
    breed: Breed,
    pose: str,
    place: float,
    dogs: int,
    width: int,
    height: int,
    rng: np.random.Generator,
) -> Stance:
    """Place one of `dogs` dogs, about `place` times the width from the left."""
    turned = 1 if rng.random() < 0.5 else -1
    room = width * (0.62 if dogs == 2 else 1.0)
    pitch, roll = rng.normal(0, 0.1), float(np.clip(rng.normal(0, 0.11), -0.3, 0.3))
    x = width * (place + rng.uniform(-0.05, 0.05))
    if pose == "portrait":
        head_yaw = turned * min(abs(rng.normal(0, 0.3)), 1.2)
        body_yaw = 0.5 * head_yaw + rng.normal(0, 0.12)
        unit = min(room / 3.4, height / 3.7) * rng.uniform(0.78, 1.0) * breed.size**0.4
        # The image's lower edge cuts the chest.
        y = height - rng.uniform(1.75, 2.15) * unit
        if dogs == 1 and rng.random() < _CUT:
            x = width * (0.14 if rng.random() < 0.5 else 0.86)
    else:
        least, most = {"sitting": (0.15, 0.8), "standing": (1.0, 1.5), "lying": (0.7, 1.3)}[pose]
        body_yaw = turned * rng.uniform(least, most)
        aside = abs(math.sin(body_yaw))
        head_yaw = body_yaw * rng.uniform(0.1, 0.85)
        ahead, behind = {"sitting": (0.0, 2.2), "standing": (0.7, 4.2), "lying": (1.2, 4.0)}[pose]
        before, after = max(1.4, ahead * aside + 0.4), max(1.4, behind * aside)
        tall = ground(breed, pose) + 1.5
        unit = min(0.95 * room / (before + after), 0.92 * height / tall)
        unit *= rng.uniform(0.82, 1.0) * breed.size**0.5
        x += turned * (after - before) / 2 * unit
        y = height * rng.uniform(0.92, 0.98) - ground(breed, pose) * unit
    return Stance(
        pose,
        x,
        y,
        unit,
        rotation(head_yaw, pitch, roll),
        rotation(body_yaw, 0.1),
        body_yaw,
    )


def _shadow(breed: Breed, stance: Stance, width: int, height: int) -> np.ndarray:
    """Return the shadow on the ground as factors (height, width) in 0 to 1."""
    shadow = Image.new("L", (width // 2, height // 2), 255)
    if stance.pose != "portrait":
        half = stance.unit / 2  # the shadow is drawn at half size
        aside = math.sin(stance.body_yaw)
        long, back = (1.2, 0.4) if stance.pose == "sitting" else (1.0 + 1.4 * abs(aside), 1.5)
        x = stance.x / 2 - back * aside * half
        y = stance.y / 2 + ground(breed, stance.pose) * half
        ImageDraw.Draw(shadow).ellipse(
            [x - long * half, y - 0.5 * half, x + long * half, y + 0.3 * half], fill=120
        )
        shadow = shadow.filter(ImageFilter.GaussianBlur(0.16 * half))
    large = shadow.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(large, dtype=np.float32) / 255
