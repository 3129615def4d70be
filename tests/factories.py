"""One way to make small things for tests: images, files of them, parameters, the folder of a run,
data sets and generators. All of them are functions of their arguments."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from ruamel.yaml import YAML

from pipeline.common import npy
from pipeline.common.paths import Paths
from pipeline.config import content, params
from pipeline.config.schema import Params
from pipeline.data import index
from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from pipeline.models import saved
from pipeline.models.registry import FAMILIES
from tests.conftest import REPOSITORY

# A training small enough for a test: images of 16 px, a step in a few milliseconds.
TINY: dict[str, Any] = {
    "device": "cpu",
    "model.dcgan.channels": 4,
    "model.latent_dim": 8,
    "train.images": 64,
    "train.batch_size": 8,
    "train.lr": 2e-4,
    "train.precision": "float32",
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


def photo(width: int = 100, height: int = 80, *, seed: int = 0) -> np.ndarray:
    """Return one smooth random image, uint8 (height, width, 3)."""
    return images(1, max(width, height), seed=seed)[0, :height, :width]


def jpeg(image: np.ndarray) -> bytes:
    """Return a JPEG file of an image, uint8 (height, width, 1 or 3)."""
    return _encoded(image, "JPEG", quality=95)


def png(image: np.ndarray) -> bytes:
    """Return a PNG file of an image, uint8 (height, width, 1 or 3)."""
    return _encoded(image, "PNG")


def _encoded(image: np.ndarray, kind: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, kind, **settings)
    return file.getvalue()


# --- parameters --------------------------------------------------------------------------------
def tiny(**changes: Any) -> Params:
    """Return the shipped parameters made `TINY`; `train__adversarial__r1=...` stands for
    `train.adversarial.r1`."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    shipped = content.read(REPOSITORY / "params.yaml")
    return params.parse(content.override(shipped, TINY | named), where="test")


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
    """Return a folder with the same data set in crops.npy and index.csv, where stages can run."""
    paths = Paths(root)
    npy.write(paths.crops, images(count, side_px, **of_images))
    write_index(paths.index, [classes[number % len(classes)] for number in range(count)])
    return paths


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
