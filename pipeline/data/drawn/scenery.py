"""What surrounds a drawn dog: a background out of focus, things that stand before it, the light."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pipeline.data.drawn.breeds import Colour
from pipeline.data.drawn.canvas import Layer

_KINDS = {"grass": 0.28, "room": 0.22, "sky": 0.12, "shapes": 0.15, "plain": 0.23}


def background(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return colours (height, width, 3), float32 in 0 to 255: painted at half size, blurred,
    enlarged."""
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    painter = _Background(width // 2, height // 2, rng)
    {
        "grass": painter.grass,
        "room": painter.room,
        "sky": painter.sky,
        "shapes": painter.shapes,
        "plain": painter.plain,
    }[kind]()
    blurred = painter.image.filter(ImageFilter.GaussianBlur(rng.uniform(0.7, 3.2)))
    large = blurred.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large, dtype=np.float32)


class _Background:
    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.width, self.height, self.rng = width, height, rng
        self.image = Image.new("RGB", (width, height))
        self.draw = ImageDraw.Draw(self.image)
        self.horizon = rng.uniform(0.45, 0.7) * height

    def mix(self, first: Colour, second: Colour) -> Colour:
        """Return a colour somewhere between two."""
        return _between(first, second, self.rng.random())

    def fade(self, above: Colour, below: Colour, start: float, end: float) -> None:
        """Fill the rows from `start` to `end`, from one colour to another."""
        for y in range(int(start), math.ceil(end)):
            colour = _between(above, below, (y - start) / (end - start))
            self.draw.line([(0, y), (self.width, y)], fill=colour)

    def grass(self) -> None:
        rng, mix, horizon = self.rng, self.mix, self.horizon
        zenith = mix((112, 174, 226), (170, 205, 232))
        self.fade(zenith, mix((206, 226, 236), (240, 230, 210)), 0, horizon)
        for _ in range(rng.integers(2, 6)):  # bushes
            x, radius = rng.uniform(0, self.width), rng.uniform(0.12, 0.3) * self.width
            self.draw.ellipse(
                [x - radius, horizon - radius * 0.8, x + radius, horizon + radius],
                fill=mix((70, 122, 66), (112, 152, 84)),
            )
        far, near = mix((120, 178, 86), (164, 190, 100)), mix((78, 138, 60), (112, 150, 66))
        self.fade(far, near, horizon, self.height)
        for _ in range(26):
            x, y = rng.uniform(0, self.width), rng.uniform(horizon, self.height)
            tip = (x + rng.uniform(-2, 2), y - rng.uniform(3, 8))
            self.draw.line([(x, y), tip], fill=mix((70, 128, 52), (160, 200, 104)), width=1)

    def room(self) -> None:
        rng, mix, horizon = self.rng, self.mix, self.horizon
        wall = mix((222, 206, 180), (172, 194, 206))
        self.fade(wall, _between(wall, (0, 0, 0), 0.08), 0, horizon)
        floor = mix((180, 132, 90), (132, 104, 84))
        self.fade(floor, _between(floor, (0, 0, 0), 0.15), horizon, self.height)
        skirting = mix((242, 238, 228), (150, 130, 110))
        self.draw.rectangle([0, horizon - 2, self.width, horizon], fill=skirting)
        x, y = rng.uniform(0, 0.7) * self.width, rng.uniform(0, 0.2) * self.height
        wide, high = rng.uniform(0.2, 0.4) * self.width, rng.uniform(0.2, 0.35) * self.height
        self.draw.rectangle(  # a window, or a picture on the wall
            [x, y, x + wide, y + high],
            fill=mix((150, 200, 226), (226, 150, 108)),
            outline=(238, 234, 226),
            width=2,
        )
        top = horizon + 0.25 * (self.height - horizon)
        rug = mix((176, 72, 72), (80, 112, 154))
        self.draw.ellipse([0.1 * self.width, top, 0.9 * self.width, self.height], fill=rug)

    def sky(self) -> None:
        rng = self.rng
        zenith = self.mix((78, 148, 214), (140, 182, 226))
        self.fade(zenith, self.mix((192, 222, 242), (248, 214, 188)), 0, self.height)
        for _ in range(rng.integers(2, 6)):
            x, y = rng.uniform(0, self.width), rng.uniform(0, 0.8) * self.height
            radius = rng.uniform(0.05, 0.12) * self.width
            for middle in (x - radius, x, x + radius):
                box = [middle - radius, y - radius * 0.6, middle + radius, y + radius * 0.6]
                self.draw.ellipse(box, fill=(244, 246, 248))

    def plain(self) -> Colour:
        pairs = [
            ((92, 150, 160), (226, 190, 150)),
            ((190, 170, 200), (240, 226, 190)),
            ((150, 190, 150), (236, 210, 200)),
        ]
        base = self.mix(*pairs[self.rng.integers(len(pairs))])
        self.fade(base, _between(base, (0, 0, 0), 0.18), 0, self.height)
        return base

    def shapes(self) -> None:
        rng, base = self.rng, self.plain()
        for _ in range(rng.integers(6, 12)):
            x, y = rng.uniform(0, self.width), rng.uniform(0, self.height)
            radius = rng.uniform(0.06, 0.2) * self.width
            light = self.mix(base, self.mix((90, 130, 90), (250, 220, 170)))
            self.draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=light)


def obstacle(layer: Layer, dog_x: float, unit: float, rng: np.random.Generator) -> None:
    """Paint a fence, a ball or a plant before the dog whose head is at `dog_x` and whose head
    radius is `unit`, in pixels."""
    {"fence": _fence, "ball": _ball, "plant": _plant}[str(rng.choice(["fence", "ball", "plant"]))](
        layer, dog_x, unit, rng
    )


def _fence(layer: Layer, dog_x: float, unit: float, rng: np.random.Generator) -> None:
    width, height = layer.size
    colour = _one_of([(238, 234, 226), (164, 116, 76), (120, 132, 144)], rng)
    top = height * rng.uniform(0.78, 0.87)
    step = width / rng.uniform(7, 10)
    rail = top + (height - top) * 0.5
    corners = [
        (-5, rail),
        (width + 5, rail),
        (width + 5, rail + 0.4 * step),
        (-5, rail + 0.4 * step),
    ]
    layer.solid(np.array(corners), colour, line=1)
    for x in np.arange(rng.uniform(-1, 0) * step, width, step):
        picket = [
            (x, height + 5),
            (x, top),
            (x + step / 4, top - step / 3),
            (x + step / 2, top),
            (x + step / 2, height + 5),
        ]
        layer.solid(np.array(picket), colour, line=1)


def _ball(layer: Layer, dog_x: float, unit: float, rng: np.random.Generator) -> None:
    _, height = layer.size
    radius = 0.55 * unit
    side = 1 if rng.random() < 0.5 else -1
    centre = np.array([dog_x + side * rng.uniform(0.5, 1.4) * unit, height - 0.6 * radius])
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    colour = _one_of([(220, 62, 56), (56, 120, 210), (244, 194, 60), (120, 190, 80)], rng)
    band = np.array([(-1.0, -0.2), (1.0, -0.35), (1.0, 0.0), (-1.0, 0.15)])
    marks = [([centre + band * radius], (246, 242, 234))]
    layer.solid(centre + ring * radius, colour, marks=marks, line=1)


def _plant(layer: Layer, dog_x: float, unit: float, rng: np.random.Generator) -> None:
    _, height = layer.size
    colour = _one_of([(66, 134, 66), (100, 152, 60), (56, 116, 90)], rng)
    side = 1 if rng.random() < 0.5 else -1
    foot = np.array([dog_x + side * rng.uniform(1.3, 1.7) * unit, height + 5.0])
    for angle in np.linspace(-1.1, 1.1, 7) + rng.uniform(-0.1, 0.1, 7):
        along = np.array([math.sin(angle), -math.cos(angle)])
        across = np.array([along[1], -along[0]])
        share = np.linspace(0, 1, 10)[:, None]
        spine = foot + along * unit * rng.uniform(1.2, 1.8) * share
        half = np.sin(share * math.pi) * 0.16 * unit * across
        layer.solid(np.vstack([spine + half, (spine - half)[::-1]]), colour, line=1)


def lit(canvas: np.ndarray, light: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Return the image (height, width, 3) brighter towards the light, and warmer or cooler."""
    height, width, _ = canvas.shape
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    slope, brightness = rng.uniform(0.05, 0.25), rng.uniform(0.88, 1.05)
    level = brightness * (1 + slope * (x * light[0] + y * light[1]))
    warmth = np.clip(rng.normal(0, 0.03), -0.06, 0.06)
    tint = np.array([1 + warmth, 1, 1 - warmth])
    return canvas * (level[..., None] * tint).astype(np.float32)


def _between(first: Colour, second: Colour, share: float) -> Colour:
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def _one_of(colours: list[Colour], rng: np.random.Generator) -> Colour:
    return colours[rng.integers(len(colours))]
