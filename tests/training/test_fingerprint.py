"""What is in the fingerprint, and what is not."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.common import imports
from pipeline.data.dataset import Dataset
from pipeline.models.registry import FAMILIES
from pipeline.training import fingerprint
from tests import factories, toy
from tests.factories import tiny


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    return factories.workplace(tmp_path).crops


def digest(crops: Path, **changes: object) -> str:
    settings = tiny(**changes)
    parts = fingerprint.parts(
        model=settings.model, train=settings.train, dataset=factories.dataset(), crops=crops
    )
    return fingerprint.digest(parts)


@pytest.mark.parametrize(
    "change",
    [
        {"train__lr": 1e-3},
        {"train__adversarial__lr_g": 1e-3},
        {"train__adversarial__r1": 0.7},
        {"train__adversarial__swap_labels": 0.1},
        {"train__adversarial__real_labels": [0.9, 1.0]},
        {"train__batch_size": 4},
        {"train__seed": 2},
        {"train__threads": 2},
        {"train__flips": False},
        {"train__ema_halflife_images": 7.0},
        {"train__beta1": 0.5},
        {"model__dcgan__channels": 8},
        {"model__dcgan__minibatch_stddev": False},
        {"model__latent_dim": 9},
    ],
)
def test_what_shapes_the_weights_is_in(crops: Path, change: dict) -> None:
    assert digest(crops, **change) != digest(crops)


@pytest.mark.parametrize(
    "change",
    [
        {"train__images": 10**6},
        {"train__time_limit_hours": 1.0},
        {"train__checkpoint_minutes": 1},
        {"train__sample_every_images": 7},
        {"train__log_every_images": 7},
        {"train__score_every_images": 7, "train__keep": "best"},
        {"train__stop_on_collapse": True},
        {"train__stop_when": "plateau", "train__patience_images": 7},
        {"train__on_divergence": "retry"},
        {"train__processes": 2},
        {"train__fresh": True},
    ],
)
def test_what_does_not_is_out(crops: Path, change: dict) -> None:
    assert digest(crops, **change) == digest(crops)


def test_every_free_name_is_a_parameter() -> None:
    assert set(type(tiny().train).model_fields) >= fingerprint.FREE


def test_every_parameter_of_training_is_in_or_free(crops: Path) -> None:
    settings = tiny()
    parts = fingerprint.parts(
        model=settings.model, train=settings.train, dataset=factories.dataset(), crops=crops
    )
    content = settings.train.model_dump(mode="json")
    objectives = {"adversarial", "variational"}
    names = {f"train.{key}" for key in content.keys() - fingerprint.FREE - objectives}
    names |= {f"train.adversarial.{key}" for key in content["adversarial"]}
    assert {name for name in parts if name.startswith("train.")} == names


def test_the_data_is_in(crops: Path) -> None:
    before = digest(crops)
    np.save(crops, factories.images(seed=1))
    assert digest(crops) != before


# --- a family and an objective that is no GAN ----------------------------------------------------
def parts_of_toy(
    monkeypatch: pytest.MonkeyPatch, dataset: Dataset, crops: Path, *, conditional: bool
) -> dict[str, object]:
    toy.register(monkeypatch)
    model, train = toy.settings(conditional=conditional)
    return fingerprint.parts(model=model, train=train, dataset=dataset, crops=crops)


def test_only_the_chosen_family_and_its_objective_are_in(
    crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of_toy(monkeypatch, factories.dataset(), crops, conditional=False)
    assert parts["model.toy.width"] == 12 and parts["train.least_squares.beta"] == 0.5
    assert not [name for name in parts if "dcgan" in name or "adversarial" in name]


@pytest.mark.parametrize("conditional", [True, False])
def test_classes_are_in_where_the_networks_are_told_them(
    crops: Path, monkeypatch: pytest.MonkeyPatch, conditional: bool
) -> None:
    one = factories.dataset(classes=("a", "b"))
    renamed = factories.dataset(classes=("a", "c"))
    relabelled = dataclasses.replace(one, labels=one.labels[::-1].copy())
    first, *others = (
        fingerprint.digest(parts_of_toy(monkeypatch, dataset, crops, conditional=conditional))
        for dataset in (one, renamed, relabelled)
    )
    assert [other != first for other in others] == [conditional] * 2


# --- code ----------------------------------------------------------------------------------------
# What training imports, and what leaves the weights at a given number of images as they are.
SHAPES_NOTHING = {
    "common/cores.py",
    "common/devices.py",
    "common/errors.py",
    "common/files.py",
    "common/npy.py",
    "common/process.py",
    "common/progress.py",
    "common/section.py",
    "data/dataset.py",  # what it reads is in the fingerprint itself
    "data/index.py",
    "images/arrays.py",
    "images/shape.py",
    "models/family.py",
    "models/registry.py",
    "models/sampling.py",
    "training/memory.py",
    "training/monitor/collapse.py",
    "training/monitor/estimate.py",
    "training/monitor/evaluation.py",
    "training/monitor/history.py",
    "training/monitor/metrics.py",
    "training/monitor/monitor.py",
    "training/monitor/plateau.py",
    "training/stopping.py",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_code_that_shapes_the_weights_is_in(repository: Path, family: str) -> None:
    """Whatever training imports of ours is in the list, or known to shape nothing. Other families
    do not shape this one."""
    package = repository / "pipeline"
    others = [Path("pipeline/models", name) for name in FAMILIES if name != family]
    given = ("training/fit.py", "training/engine/distributed.py", "data/dataset.py")
    start = [Path("pipeline", name) for name in given]  # the loop, and what the stage hands it
    reached = {
        path.relative_to("pipeline").as_posix()
        for path in imports.closure(repository, start, leave_out=others)
        if not imports.is_empty(repository, path)
    }
    shaping = {
        path.relative_to(package).as_posix()
        for path in fingerprint.shaping_code(family)
        if not imports.is_empty(repository, path.relative_to(repository))
    }
    # The shared layers are in for every family, also for one that uses none of them.
    assert shaping - reached <= {"models/layers.py"}
    assert reached - shaping == SHAPES_NOTHING


def test_a_change_of_that_code_is_in(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(crops)
    module = tmp_path / "module.py"
    module.write_text("x = 1\n")
    monkeypatch.setattr(fingerprint, "shaping_code", lambda family: [module])
    first = digest(crops)
    module.write_text("x = 2\n")
    assert len({before, first, digest(crops)}) == 3


def test_differences_are_one_line() -> None:
    old, new = {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4, "d": 5}
    assert fingerprint.differences(old, new) == "b: 2 → 4, c: 3 → None, d: None → 5"
