"""What makes two trainings the same one: everything that shapes the path of the weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.models.registry import FAMILIES

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.config.schema import Model, Train
    from pipeline.data.dataset import Dataset
    from pipeline.training.engine.distributed import Distributed

# Parameters of `train` that leave the weights at a given number of images as they are, so that a
# run can be continued with another value of each.
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
        "stop_when",
        "patience_images",
        "on_divergence",
    }
)

_PACKAGE = Path(__file__).resolve().parent.parent


def shaping_code(family: str) -> list[Path]:
    """Return the modules that shape the weights of a family: the folder `training/engine`, the
    family's own, and what the two compute with."""
    folders = (_PACKAGE / "training" / "engine", _PACKAGE / "models" / family)
    modules = [module for folder in folders for module in sorted(folder.glob("*.py"))]
    others = ("training/fit.py", "training/state.py", "models/layers.py", "common/randomness.py")
    return [*modules, *(_PACKAGE / name for name in others)]


def parts(*, model: Model, train: Train, dataset: Dataset, crops: Path) -> dict[str, Any]:
    """Return name and value of each thing that shapes the weights; values are plain JSON.

    Args:
        crops: the file of the data set's images.
    """
    family = FAMILIES[model.name]
    parameters = getattr(model, model.name)
    code = hashlib.sha256()
    for module in shaping_code(model.name):
        code.update(module.read_bytes())
    settings = {"model.name": model.name, "model.latent_dim": model.latent_dim}
    settings |= _named(f"model.{model.name}", parameters)
    settings |= _named("train", train)
    settings |= _named(f"train.{family.OBJECTIVE}", getattr(train, family.OBJECTIVE))
    if train.lr_decay != "constant":
        settings["train.images"] = train.images  # the rate at an image depends on the last one
    found = {
        **settings,
        "crops": files.sha256(crops)[:16],
        "training code": code.hexdigest()[:16],
        "torch": torch_version(),
    }
    if family.is_conditional(parameters):
        labels = hashlib.sha256("\n".join(dataset.class_names).encode() + dataset.labels.tobytes())
        found["classes"] = labels.hexdigest()[:16]
    return found


def _named(prefix: str, section: BaseModel) -> dict[str, Any]:
    """Return the section's own keys, without sub-sections and those in `FREE`."""
    return {
        f"{prefix}.{key}": value
        for key, value in section.model_dump(mode="json").items()
        if key not in FREE and not isinstance(value, dict)
    }


def torch_version() -> str:
    """Return torch's version, which decides how sums are rounded."""
    return str(torch.__version__)


def digest(shaping: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits of `parts`."""
    text = json.dumps(shaping, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require_same(settings: dict[str, Any], distributed: Distributed) -> None:
    """Check that all processes, perhaps on several machines, train the same.

    Args:
        settings: `parts`, and other parameters that all processes must share.

    Raises:
        InputError: these settings are not those of the main process; says what differs.
    """
    main = distributed.broadcast(settings)
    if main != settings:
        raise InputError(
            f"this machine trains another run than the first one: {differences(main, settings)}; "
            f"give all machines the same code, params.yaml, data/crops.npy and data/index.csv"
        )


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return in one line what differs between two `parts`, as `name: old → new`."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name}: {old.get(name)} → {new.get(name)}" for name in names)
