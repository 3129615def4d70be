"""A training small enough for a test: 16 px, 8 channels, a step in a few milliseconds."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.common.paths import Paths
from pipeline.config import params
from tests.conftest import REPOSITORY

CHANGES = {
    "device": "cpu",
    "model.channels": 4,
    "model.latent_dim": 8,
    "train.images": 64,
    "train.batch_size": 8,
    "train.lr": 2e-4,
    "train.precision": "float32",
    "train.log_every_images": 16,
    "train.sample_every_images": 32,
    "train.checkpoint_minutes": 60,
}


def tiny(**changes: Any) -> params.Params:
    """The shipped parameters, made tiny; `train__lr_g=...` stands for `train.lr_g`."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    content = params.read(REPOSITORY / "params.yaml")
    return params.parse(params.override(content, CHANGES | named), where="test")


def crops(count: int = 40, side_px: int = 16, seed: int = 0) -> np.ndarray:
    """Smooth random pictures, uint8 (count, side, side, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3))
    return coarse.repeat(side_px // 4, 1).repeat(side_px // 4, 2).astype(np.uint8)


def workplace(root: Path, **of_crops: Any) -> Paths:
    """A folder with crops, where stages can run."""
    paths = Paths(root)
    paths.crops.parent.mkdir(parents=True, exist_ok=True)
    np.save(paths.crops, crops(**of_crops))
    return paths
