"""What is in the fingerprint, and what is not."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.common import imports
from pipeline.models.registry import FAMILIES
from pipeline.training import fingerprint
from tests.training.tiny import crops, tiny


def digest(path: Path, **changes: object) -> str:
    settings = tiny(**changes)
    return fingerprint.digest(
        fingerprint.parts(model=settings.model, train=settings.train, crops=path)
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.save(tmp_path / "crops.npy", crops())
    return tmp_path / "crops.npy"


@pytest.mark.parametrize(
    "change",
    [
        {"train__lr": 1e-3},
        {"train__lr_g": 1e-3},
        {"train__batch_size": 4},
        {"train__seed": 2},
        {"train__threads": 2},
        {"train__swap_labels": 0.1},
        {"train__ema_halflife_images": 7.0},
        {"model__channels": 8},
        {"model__latent_dim": 9},
        {"model__minibatch_stddev": False},
        {"train__beta1": 0.5},
    ],
)
def test_what_shapes_the_weights_is_in(data: Path, change: dict) -> None:
    assert digest(data, **change) != digest(data)


@pytest.mark.parametrize(
    "change",
    [
        {"train__images": 10**6},
        {"train__time_limit_hours": 1.0},
        {"train__checkpoint_minutes": 1},
        {"train__sample_every_images": 7},
        {"train__log_every_images": 7},
        {"train__fresh": True},
    ],
)
def test_what_does_not_is_out(data: Path, change: dict) -> None:
    assert digest(data, **change) == digest(data)


def test_every_free_name_is_a_parameter() -> None:
    assert set(type(tiny().train).model_fields) >= fingerprint.FREE


def test_the_data_is_in(data: Path) -> None:
    before = digest(data)
    np.save(data, crops(seed=1))
    assert digest(data) != before


# What the loop imports and does not shape the weights: checks, files, what is shown and written.
UNSHAPING = {
    Path("pipeline") / name
    for name in (
        "common/devices.py",
        "common/errors.py",
        "common/files.py",
        "common/progress.py",
        "common/section.py",
        "images",
        "models/family.py",
        "models/registry.py",
        "models/sampling.py",
        "training/memory.py",
        "training/monitor",
        "training/run.py",
        "training/stopping.py",
    )
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_code_that_shapes_the_weights_is_in(repository: Path, family: str) -> None:
    """Whatever the loop imports of ours is in the list, or known to shape nothing."""
    loop = [Path("pipeline/training/fit.py")]
    others = {Path("pipeline/models") / name for name in FAMILIES} - {
        Path("pipeline/models", family)
    }
    followed = imports.closure(repository, loop, UNSHAPING | others)
    found = {path for path in followed if not imports.is_empty(repository, path)}
    listed = {path.relative_to(repository) for path in fingerprint.shaping_code(family)}
    assert found - listed == set()
    needed = imports.closure(repository, loop)
    assert all(any(path.is_relative_to(each) for path in needed) for each in UNSHAPING)
