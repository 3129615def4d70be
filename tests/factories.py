"""One way to make small things for tests: images, files of them, parameters, the folder of a run,
data sets and generators. All of them are functions of their arguments."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from ruamel.yaml import YAML

from pipeline.common import files, npy
from pipeline.common.paths import Paths
from pipeline.config import content, params
from pipeline.config.schema import Params
from pipeline.data import held_out, index
from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from pipeline.models import saved
from pipeline.models.registry import FAMILIES
from tests.conftest import REPOSITORY

# The smallest model, for trainings here and in a checkout.
TINY_MODEL: Mapping[str, Any] = {"model.dcgan.channels": 4, "model.latent_dim": 8}
# A training small enough for a test: images of 16 px, a step in a few milliseconds.
TINY: Mapping[str, Any] = {
    **TINY_MODEL,
    "device": "cpu",
    "train.images": 64,
    "train.batch_size": 8,
    "train.lr": 2e-4,
    "train.precision": "float32",
    "train.threads": 1,
    "train.log_every_images": 16,
    "train.sample_every_images": 32,
    "train.checkpoint_minutes": 60,
}


# --- images ------------------------------------------------------------------------------------
def images(
    count: int = 40, side_px: int = 16, *, channels: int = 3, seed: int = 0, knots: int = 4
) -> np.ndarray:
    """Return smooth random images, uint8 (count, side, side, channels): `knots` x `knots` random
    values with straight lines between them. The first images are the same for each count."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, knots, knots, channels))
    places = np.linspace(0, knots - 1, side_px)
    weights = np.stack([np.interp(places, range(knots), row) for row in np.eye(knots)], axis=1)
    fine = np.einsum("yi,nijc,xj->nyxc", weights, coarse, weights, optimize=True)
    return np.ascontiguousarray(fine.round().astype(np.uint8))


def noise(count: int = 40, side_px: int = 16, *, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Return images of independent uniform levels, uint8 (count, side, side, channels)."""
    shape = (count, side_px, side_px, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def photo(width: int = 100, height: int = 80, *, seed: int = 0) -> np.ndarray:
    """Return one image, uint8 (height, width, 3), whose turned and mirrored copies all differ.

    Each channel is a gradient. `seed`, below 256, shifts the blue levels, modulo 256: without it
    the image has no edge."""
    y, x = np.mgrid[0:height, 0:width]
    red, green, blue = 255 * x / width, 255 * y / height, 127 * (x / width) ** 2 + 64
    return np.stack([red, green, (blue + 37 * seed) % 256], axis=-1).astype(np.uint8)


# --- files of images ---------------------------------------------------------------------------
def encode(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    """Return a file of an image by Pillow; an array has a channel axis or none."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(image: np.ndarray | Image.Image, **options: Any) -> bytes:
    """Return a PNG file of an image."""
    return encode(image, "PNG", **options)


# By so much, at most, `jpeg` changes a level of a `photo`.
JPEG_LEVELS = 6


def jpeg(image: np.ndarray | Image.Image, **options: Any) -> bytes:
    """Return a JPEG file of an image: of quality 95, without chroma subsampling, unless told."""
    return encode(image, "JPEG", **{"quality": 95, "subsampling": 0, **options})


# Where the first row and the first column of a stored photo lie on the upright one (EXIF 2.32,
# 4.6.4).
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return the image as a camera with this EXIF orientation stores it."""
    row, column = ORIENTATIONS[orientation]
    image = upright if row in ("top", "bottom") else upright.transpose(1, 0, 2)
    if row in ("bottom", "right"):
        image = image[::-1]
    if column in ("bottom", "right"):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def exif(orientation: int) -> Image.Exif:
    """Return EXIF tags that state an orientation and nothing else."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# --- parameters --------------------------------------------------------------------------------
def parameters(changes: Mapping[str, Any]) -> Params:
    """Return the shipped parameters with changes, `section.key: value`."""
    shipped = content.read(REPOSITORY / "params.yaml")
    return params.parse(content.override(shipped, changes), where="test")


def tiny(**changes: Any) -> Params:
    """Return the shipped parameters made `TINY`; `train__adversarial__r1=...` stands for
    `train.adversarial.r1`."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return parameters({**TINY, **named})


def write_params(root: Path, **changes: Any) -> None:
    """Write `tiny(**changes)` as the params.yaml of a folder."""
    with open(root / "params.yaml", "w") as file:
        YAML(typ="safe").dump(tiny(**changes).model_dump(mode="json"), file)


# --- data --------------------------------------------------------------------------------------
def dataset(
    count: int = 40, side_px: int = 16, *, classes: tuple[str, ...] = ("dog",), **of_images: Any
) -> Dataset:
    """Return a data set of `images`; its classes take turns."""
    found = images(count, side_px, **of_images)
    return Dataset(
        images=found,
        labels=np.arange(count) % len(classes),
        class_names=classes,
        shape=ImageShape(side_px, found.shape[3]),
    )


def workplace(
    root: Path,
    count: int = 40,
    side_px: int = 16,
    *,
    classes: tuple[str, ...] = ("dog",),
    **of_images: Any,
) -> Paths:
    """Return a folder with the same data set in crops.npy and index.csv and no test set, where
    stages can run."""
    paths, found = Paths(root), images(count, side_px, **of_images)
    npy.write(paths.crops, found)
    held_out.write_empty(paths.held_out, ImageShape(side_px, found.shape[3]))
    write_index(paths.index, [classes[number % len(classes)] for number in range(count)])
    return paths


def without_classes(paths: Paths, shape: ImageShape) -> None:
    """Write what a run without classes leaves for the score: no test set, no classifier, samples
    without labels."""
    held_out.write_empty(paths.held_out, shape)
    files.write_bytes(paths.classifier, b"")
    npy.write(paths.generated_labels, np.empty(0, np.str_))


def write_index(path: Path, class_names: list[str]) -> None:
    """Write an index in which photo i has one box, and crop i of class `class_names[i]`."""
    rows = [
        index.Row(f"{number:04d}.jpg", name, 0, 1.0, 1.0, 90.0, 70.0, number, "")
        for number, name in enumerate(class_names)
    ]
    index.write(path, rows)


# --- generators --------------------------------------------------------------------------------
def generator_info(
    side_px: int = 16,
    *,
    channels: int = 3,
    family: str = "dcgan",
    parameters: dict[str, Any] | None = None,
    class_counts: dict[str, int] | None = None,
) -> saved.GeneratorInfo:
    """Return what an untrained generator is; a DCGAN of 4 channels where nothing else is said."""
    class_counts = class_counts or {}
    return saved.GeneratorInfo(
        family=family,
        parameters=parameters or {"channels": 4, "minibatch_stddev": False, "conditional": False},
        latent_dim=8,
        shape=ImageShape(side_px, channels),
        class_names=tuple(class_counts),
        class_counts=tuple(class_counts.values()),
        images_seen=160_000,
        fingerprint="0" * 16,
    )


def generator(seed: int = 1, **of_info: Any) -> saved.SavedGenerator:
    """Return an untrained generator whose images differ in more than shades of grey."""
    info = generator_info(**of_info)
    network = info.build()
    FAMILIES[info.family].initialise(network, seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(4)
    return saved.SavedGenerator(info, network, torch.device("cpu"))


def write_generator(path: Path, seed: int = 1, **of_info: Any) -> saved.SavedGenerator:
    """Write an untrained generator as training does; return it."""
    made = generator(seed, **of_info)
    path.parent.mkdir(parents=True, exist_ok=True)
    saved.save(path, made.network.state_dict(), made.info)
    return made
