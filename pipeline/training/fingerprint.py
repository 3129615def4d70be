"""What makes two trainings the same one: everything that shapes the path of the weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.common import files

if TYPE_CHECKING:
    from pipeline.config.schema import Model, Train

# Parameters that leave the weights at a given number of images as they are, so that a run can be
# continued with another value of each.
FREE = frozenset(
    {
        "images",
        "fresh",
        "time_limit_hours",
        "checkpoint_minutes",
        "processes",
        "log_every_images",
        "sample_every_images",
        "score_every_images",
        "keep",
        "stop_on_collapse",
    }
)

# The code that shapes the weights, from pipeline/.
CODE = (
    "models/__init__.py",
    "models/dcgan.py",
    "common/randomness.py",
    "training/fit.py",
    "training/engine/adversarial.py",
    "training/engine/batches.py",
    "training/engine/distributed.py",
    "training/engine/draws.py",
    "training/engine/ema.py",
    "training/engine/losses.py",
    "training/engine/precision.py",
)


def parts(*, model: Model, train: Train, crops: Path) -> dict[str, Any]:
    """Name and value of each thing that shapes the weights; values are plain JSON."""
    package = Path(__file__).resolve().parent.parent
    code = hashlib.sha256()
    for name in CODE:
        code.update((package / name).read_bytes())
    settings = {f"model.{key}": value for key, value in model.model_dump(mode="json").items()}
    for key, value in train.model_dump(mode="json").items():
        if key not in FREE:
            settings[f"train.{key}"] = value
    return {
        **settings,
        "crops": files.sha256(crops)[:16],
        "training code": code.hexdigest()[:16],
        "torch": torch_version(),
    }


def torch_version() -> str:
    """torch's version, which decides how sums are rounded."""
    return str(torch.__version__)


def digest(shaping: dict[str, Any]) -> str:
    """16 hexadecimal digits of `parts`."""
    text = json.dumps(shaping, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """One line: what differs between two `parts`, as `name: old → new`."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name}: {old.get(name)} → {new.get(name)}" for name in names)
