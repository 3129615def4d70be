"""One drawn picture: a background, one or two dogs, what stands before them, the light, the boxes."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.sources import drawn_anatomy as anatomy
from pipeline.sources.drawn_breeds import BREEDS, Breed
from pipeline.sources.drawn_canvas import Layer

VISIBLE = 0.5  # a pixel belongs to a dog where it covers at least this share of it


@dataclass(frozen=True)
class Scene:
    """A finished picture. `visible` holds one boolean mask (height, width) a dog: the pixels
    where that dog, and nothing before it, is seen; `boxes` their tight extents (left, top,
    right, bottom), right and bottom exclusive."""

    breed: Breed
    picture: Image.Image
    visible: list[np.ndarray]
    boxes: list[tuple[int, int, int, int]]


def scene(seed: int, number: int) -> Scene:
    """Draw picture `number`, counted from 0. It depends on (seed, number) alone."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
    breed = BREEDS[number % len(BREEDS)]
    width, height = int(rng.integers(160, 241)), int(rng.integers(160, 241))
    light = (float(rng.choice([-0.7, 0.7])), -0.7)
    horizon = rng.uniform(0.45, 0.7) * height
    canvas, _kind = _background(width, height, horizon, rng)

    stances = _stances(breed, width, height, rng)
    shadows = np.ones((height, width), dtype=np.float32)
    layers = []
    for stance in stances:
        layer = Layer((width, height), light)
        anatomy.draw(layer, breed, stance, rng)
        layers.append(layer.finish(0.16 * stance.unit))
        shadows *= _shadow(breed, stance, width, height)
    canvas = canvas * shadows[..., None]
    covers = []
    for colour, cover in layers:
        canvas = canvas * (1 - cover[..., None]) + colour * cover[..., None]
        covers = [earlier * (1 - cover) for earlier in covers] + [cover]
    if rng.random() < 0.16:
        before = Layer((width, height), light)
        _obstacle(before, stances[-1], width, height, rng)
        colour, cover = before.finish(1.5)
        canvas = canvas * (1 - cover[..., None]) + colour * cover[..., None]
        covers = [earlier * (1 - cover) for earlier in covers]
    canvas = _lit(canvas, light, rng)
    picture = Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))
    visible = [cover >= VISIBLE for cover in covers]
    return Scene(breed, picture, visible, [_extent(mask) for mask in visible])


def _extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _stances(
    breed: Breed, width: int, height: int, rng: np.random.Generator
) -> list[anatomy.Stance]:
    two = rng.random() < 0.07
    pose = str(rng.choice(["portrait", "sitting", "standing", "lying"], p=[0.72, 0.12, 0.09, 0.07]))
    stances = []
    for place in (0.3, 0.7) if two else (0.5,):
        stances.append(_stance(breed, pose, place, width, height, rng, two))
    return stances


def _stance(
    breed: Breed,
    pose: str,
    place: float,
    width: int,
    height: int,
    rng: np.random.Generator,
    two: bool,
) -> anatomy.Stance:
    turned = 1 if rng.random() < 0.5 else -1
    if pose == "portrait":
        unit = min(width / (5.6 if two else 3.9), height / 4.1) * rng.uniform(0.8, 1.05)
        unit *= 0.5 + 0.5 * breed.size
        x = width * (place + rng.uniform(-0.07, 0.07))
        y = height * 0.46 + rng.uniform(-0.05, 0.07) * height
        if rng.random() < 0.05 and not two:  # cut by the edge of the picture
            x = width * (0.16 if turned < 0 else 0.84)
        head_yaw = turned * abs(rng.normal(0, 0.36))
        return anatomy.Stance(
            pose,
            x,
            y,
            unit,
            head_yaw,
            rng.normal(0.0, 0.12),
            rng.normal(0, 0.13),
            head_yaw * 0.5 + rng.normal(0, 0.15),
            bool(rng.random() < 0.35),
        )
    body_yaw = turned * rng.uniform(
        *{"sitting": (0.2, 0.9), "standing": (1.0, 1.5), "lying": (0.7, 1.3)}[pose]
    )
    head_yaw = (
        turned * rng.uniform(0.0, 0.75) if pose == "sitting" else (turned * rng.uniform(0.2, 1.3))
    )
    long = 1.6 + 4.2 * abs(math.sin(body_yaw)) if pose != "sitting" else 3.4
    tall = anatomy.ground(breed, pose) + 1.4
    unit = min(width * (0.5 if two else 0.9) / long, height * 0.9 / tall) * rng.uniform(0.8, 1.0)
    unit *= 0.6 + 0.4 * breed.size
    x = width * (place + rng.uniform(-0.05, 0.05)) + unit * math.sin(body_yaw) * (
        0.4 if pose == "sitting" else 1.6
    )
    y = height * rng.uniform(0.9, 0.97) - anatomy.ground(breed, pose) * unit
    return anatomy.Stance(
        pose,
        x,
        y,
        unit,
        head_yaw,
        rng.normal(0.0, 0.1),
        rng.normal(0, 0.1),
        body_yaw,
        bool(rng.random() < 0.35),
    )


def _shadow(breed: Breed, stance: anatomy.Stance, width: int, height: int) -> np.ndarray | float:
    """The shadow on the ground as factors (height, width) in 0 to 1."""
    if stance.pose == "portrait":
        return 1.0
    shadow = Image.new("L", (width // 2, height // 2), 255)
    y = (stance.head_y + anatomy.ground(breed, stance.pose) * stance.unit) / 2
    long = 0.9 if stance.pose == "sitting" else 1.3 + 1.2 * abs(math.sin(stance.body_yaw))
    back = 0.3 if stance.pose == "sitting" else 1.7
    x = (stance.head_x - back * math.sin(stance.body_yaw) * stance.unit) / 2
    half = long * stance.unit / 2
    ImageDraw.Draw(shadow).ellipse(
        [x - half, y - 0.22 * stance.unit, x + half, y + 0.14 * stance.unit], fill=130
    )
    shadow = shadow.filter(ImageFilter.GaussianBlur(2)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.asarray(shadow, dtype=np.float32) / 255


def _background(
    width: int, height: int, horizon: float, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Colours (height, width, 3), 0 to 255, out of focus: drawn small and enlarged."""
    kind = str(
        rng.choice(["grass", "room", "sky", "shapes", "plain"], p=[0.28, 0.2, 0.12, 0.15, 0.25])
    )
    small = (width // 2, height // 2)
    w, h = small
    line = horizon / 2
    image = Image.new("RGB", small)
    draw = ImageDraw.Draw(image)

    def mixed(first: tuple, second: tuple) -> tuple[int, int, int]:
        share = rng.random()
        return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))

    def fade(top: tuple, bottom: tuple, start: float, end: float) -> None:
        for y in range(int(start), math.ceil(end)):
            share = (y - start) / max(1.0, end - start)
            draw.line(
                [(0, y), (w, y)],
                fill=tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)),
            )

    if kind == "grass":
        fade(
            mixed((120, 180, 226), (170, 205, 232)),
            mixed((206, 226, 236), (236, 230, 214)),
            0,
            line,
        )
        for _ in range(int(rng.integers(2, 6))):
            x, r = rng.uniform(0, w), rng.uniform(0.12, 0.3) * w
            draw.ellipse(
                [x - r, line - r * 0.8, x + r, line + r], fill=mixed((70, 122, 66), (108, 150, 84))
            )
        fade(mixed((120, 178, 86), (150, 186, 96)), mixed((78, 138, 60), (104, 150, 66)), line, h)
        for _ in range(26):
            x, y = rng.uniform(0, w), rng.uniform(line, h)
            draw.line(
                [(x, y), (x + rng.uniform(-2, 2), y - rng.uniform(3, 8))],
                fill=mixed((70, 128, 52), (150, 196, 100)),
                width=1,
            )
    elif kind == "room":
        wall = mixed((214, 200, 178), (176, 194, 204))
        fade(wall, tuple(int(c * 0.92) for c in wall), 0, line)
        floor = mixed((172, 128, 88), (132, 104, 84))
        fade(floor, tuple(int(c * 0.85) for c in floor), line, h)
        draw.rectangle([0, line - 2, w, line], fill=mixed((240, 236, 226), (150, 130, 110)))
        x, y = rng.uniform(0, 0.7) * w, rng.uniform(0, 0.2) * h
        draw.rectangle(
            [x, y, x + rng.uniform(0.2, 0.4) * w, y + rng.uniform(0.2, 0.35) * h],
            fill=mixed((150, 196, 220), (220, 150, 110)),
            outline=(236, 232, 224),
            width=2,
        )
        draw.ellipse(
            [0.1 * w, line + 0.25 * (h - line), 0.9 * w, h],
            fill=mixed((170, 70, 70), (80, 110, 150)),
        )
    elif kind == "sky":
        fade(mixed((84, 152, 214), (140, 180, 224)), mixed((190, 220, 240), (244, 214, 190)), 0, h)
        for _ in range(int(rng.integers(2, 6))):
            x, y, r = rng.uniform(0, w), rng.uniform(0, 0.8) * h, rng.uniform(0.05, 0.12) * w
            for step in (-1, 0, 1):
                draw.ellipse(
                    [x + step * r - r, y - r * 0.6, x + step * r + r, y + r * 0.6],
                    fill=(244, 246, 248),
                )
    else:
        base = (
            mixed((92, 150, 160), (226, 190, 150))
            if rng.random() < 0.6
            else mixed((190, 170, 200), (240, 226, 190))
        )
        fade(base, tuple(int(c * 0.82) for c in base), 0, h)
        for _ in range(int(rng.integers(6, 12)) if kind == "shapes" else 0):
            x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.06, 0.2) * w
            draw.ellipse(
                [x - r, y - r, x + r, y + r],
                fill=mixed(base, mixed((90, 130, 90), (250, 220, 170))),
            )
    blurred = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 3.5)))
    large = blurred.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large, dtype=np.float32), kind


def _obstacle(
    layer: Layer, stance: anatomy.Stance, width: int, height: int, rng: np.random.Generator
) -> None:
    kind = rng.choice(["fence", "ball", "plant"])
    unit = stance.unit
    if kind == "fence":
        colour = tuple(
            int(c) for c in rng.choice([(236, 232, 222), (158, 112, 74), (120, 130, 140)])
        )
        top = height * rng.uniform(0.76, 0.86)
        wide = width / rng.uniform(7, 10)
        rail = top + (height - top) * 0.5
        layer.solid(
            np.array(
                [
                    (-5, rail),
                    (width + 5, rail),
                    (width + 5, rail + wide * 0.4),
                    (-5, rail + wide * 0.4),
                ]
            ),
            colour,
            line=1,
        )
        x = rng.uniform(-1, 0) * wide
        while x < width:
            layer.solid(
                np.array(
                    [
                        (x, height + 5),
                        (x, top),
                        (x + wide / 4, top - wide / 3),
                        (x + wide / 2, top),
                        (x + wide / 2, height + 5),
                    ]
                ),
                colour,
                line=1,
            )
            x += wide
    elif kind == "ball":
        radius = 0.62 * unit
        centre = np.array([stance.head_x + rng.uniform(-1.2, 1.2) * unit, height - 0.6 * radius])
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        colour = tuple(int(c) for c in rng.choice([(216, 62, 56), (60, 120, 206), (240, 190, 60)]))
        band = [centre + np.array([(-1.0, -0.2), (1.0, -0.35), (1.0, 0.0), (-1.0, 0.15)]) * radius]
        layer.solid(centre + ring * radius, colour, marks=[(band, (244, 240, 232))], line=1)
    else:
        colour = tuple(int(c) for c in rng.choice([(66, 130, 66), (96, 148, 60), (58, 112, 86)]))
        foot = np.array([width * rng.choice([0.08, 0.92]), height + 5.0])
        for angle in np.linspace(-1.1, 1.1, 7) + rng.uniform(-0.1, 0.1, 7):
            along = np.array([math.sin(angle), -math.cos(angle)])
            across = np.array([along[1], -along[0]])
            long = unit * rng.uniform(1.5, 2.2)
            share = np.linspace(0, 1, 10)[:, None]
            half = np.sin(share * math.pi) * 0.16 * unit * across
            leaf = np.vstack(
                [foot + along * long * share + half, (foot + along * long * share - half)[::-1]]
            )
            layer.solid(leaf, colour, line=1)


def _lit(canvas: np.ndarray, light: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Brighter towards the light, and warmer or cooler as a whole."""
    height, width, _ = canvas.shape
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    slope = np.float32(rng.uniform(0.05, 0.22))
    level = np.float32(rng.uniform(0.88, 1.06)) * (1 + slope * (x * light[0] + y * light[1]))
    warmth = rng.normal(0, 0.045)
    tint = np.array([1 + warmth, 1, 1 - warmth], dtype=np.float32)
    return canvas * level[..., None] * tint
