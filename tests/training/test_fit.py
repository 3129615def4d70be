"""The loop with an objective that is no GAN: it knows none of its networks, losses or metrics."""

import csv
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.models.saved import SavedGenerator
from pipeline.stages import train as stage
from pipeline.training.engine.batches import Batch
from pipeline.training.monitor import monitor
from pipeline.training.monitor.monitor import Collapsed
from tests import factories, toy

CLASSES = ("beagle", "pug", "pointer")


def train(paths: Paths, **changes: Any) -> None:
    model, settings = toy.settings(conditional=True, **changes)
    stage.run(paths, device="cpu", model=model, train=settings)


def workplace(root: Path) -> Paths:
    return factories.workplace(root, classes=CLASSES)


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.register(monkeypatch)


def test_its_metrics_are_in_history_curves_and_summary(tmp_path: Path) -> None:
    paths = workplace(tmp_path)
    train(paths)
    rows = table(paths.history)
    assert list(rows[0])[:4] == ["images_seen", "seconds", "elbo", "kl"]
    assert not {"loss_d", "d_real"} & set(rows[0])
    assert [row["images_seen"] for row in rows] == ["16", "32", "48", "64"]
    curves = table(paths.curves_csv)
    of_elbo = [row for row in curves if row["metric"] == "elbo"]
    assert [row["value"] for row in of_elbo] == [row["elbo"] for row in rows]
    assert {(row["panel"], row["label"]) for row in of_elbo} == {
        ("evidence lower bound (nats)", "ELBO")
    }
    assert {row["panel"] for row in curves if row["metric"] == "kl"} == {"divergence (nats)"}
    facts = json.loads(paths.training.read_text())
    assert facts["elbo"] == pytest.approx(float(rows[-1]["elbo"]), rel=1e-5)
    assert facts["kl"] == pytest.approx(float(rows[-1]["kl"]), rel=1e-5)
    assert paths.curves.is_file() and paths.samples.is_file()


def test_it_learns(tmp_path: Path) -> None:
    """Against a twin that stands still, by its rate: the bound rises."""
    bounds = []
    for lr in (1e-2, 1e-9):
        paths = workplace(tmp_path / str(lr))
        train(paths, train__images=800, train__lr=lr, train__log_every_images=160)
        bounds.append(float(table(paths.history)[-1]["elbo"]))
    assert bounds[0] > bounds[1] + 3  # nats; 7 as measured


def test_its_metrics_are_the_words_of_the_progress_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(monitor, "_PRINT_SECONDS", -1.0)
    train(workplace(tmp_path))
    lines = [line for line in capsys.readouterr().out.splitlines() if "images/s" in line]
    assert lines
    for line in lines:
        assert "/64 images, " in line and "min left" in line
        assert "evidence lower bound ELBO -" in line and "divergence KL " in line


def test_the_generator_is_told_the_classes_of_the_data(tmp_path: Path) -> None:
    paths = workplace(tmp_path)
    train(paths)
    generator = SavedGenerator.load(paths.generator, torch.device("cpu"))
    assert generator.info.class_names == tuple(sorted(CLASSES))
    # 40 crops whose classes take turns, beagle first.
    assert generator.info.class_counts == (14, 13, 13)
    one, other = (generator.sample(1, 8, label=label) for label in ("pug", "beagle"))
    assert (one != other).any((1, 2, 3)).all()


def test_networks_that_are_told_classes_need_some(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path, classes=("pug",))
    with pytest.raises(
        InputError, match=r"model.toy: its networks are told the class of each image"
    ):
        train(paths)
    model, settings = toy.settings(conditional=False)
    stage.run(paths, device="cpu", model=model, train=settings)
    info = SavedGenerator.load(paths.generator, torch.device("cpu")).info
    assert (info.class_names, info.class_counts) == ((), ())


def objective_that(before_step: Callable[[int], None]) -> type[toy.LeastSquares]:
    """Return the objective with something to do before each step."""

    class Changed(toy.LeastSquares):
        def step(self, batch: Batch, number: int) -> Tensor:
            before_step(number)
            return super().step(batch, number)

    return Changed


# A row and a grid each 3 steps of 8 images, so that the signal comes between two of each.
STEPS = {
    "train__images": 200,
    "train__log_every_images": 24,
    "train__sample_every_images": 48,
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_and_the_same_command_again_are_a_run_without_a_break(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    straight, broken = workplace(tmp_path / "straight"), workplace(tmp_path / "broken")
    train(straight, **STEPS)

    def interrupt(step: int) -> None:
        if step == 10:
            os.kill(os.getpid(), number)

    toy.register(monkeypatch, objective_that(interrupt))
    with pytest.raises(SystemExit) as ended:
        train(broken, **STEPS)
    assert ended.value.code == 128 + number
    assert f"{number.name}: stopped at 88 of 200 images; the same" in capsys.readouterr().out
    assert not broken.generator.exists()
    toy.register(monkeypatch)
    train(broken, **STEPS)
    assert "continuing at 88 images" in capsys.readouterr().out

    for name in ("generator", "samples", "training"):
        ours, theirs = (getattr(paths, name).read_bytes() for paths in (broken, straight))
        assert ours == theirs, name
    for name in ("elbo", "kl", "images_seen"):
        ours, theirs = ([row[name] for row in table(p.history)] for p in (broken, straight))
        assert ours == theirs and len(ours) == 200 // 24 + 1, name
    grids = {path.name: path.read_bytes() for path in straight.grids.iterdir()}
    assert {path.name: path.read_bytes() for path in broken.grids.iterdir()} == grids
    assert len(grids) == 200 // 48 + 1


def test_a_state_that_is_not_restored_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known-bad twin: an objective that forgets its optimiser goes another way."""

    class Forgetful(toy.LeastSquares):
        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.networks.load_state_dict(state["networks"])

    toy.register(monkeypatch, Forgetful)
    straight, broken = workplace(tmp_path / "straight"), workplace(tmp_path / "broken")
    train(straight, **STEPS)
    train(broken, **STEPS | {"train__images": 88})
    train(broken, **STEPS)
    assert broken.generator.read_bytes() != straight.generator.read_bytes()


# --- warnings ------------------------------------------------------------------------------------
class Collapsing(toy.LeastSquares):
    """An objective that always has something to say."""

    def warning(self, rows: list[dict[str, Any]]) -> str | None:
        assert "kl" in rows[-1]
        return "posterior collapse"


@pytest.fixture
def varied_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the samples themselves be no cause for a warning."""
    monkeypatch.setattr(
        monitor, "decode", lambda *_: factories.images(monitor.GRID_COLUMNS**2, seed=1)
    )


GRIDS = {"train__images": 64, "train__log_every_images": 8, "train__sample_every_images": 16}


@pytest.mark.usefixtures("varied_samples")
def test_the_warning_of_an_objective_is_said_once_and_not_before_samples_settle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.register(monkeypatch, Collapsing)
    train(workplace(tmp_path / "early"), **GRIDS)
    assert "warning" not in capsys.readouterr().out
    monkeypatch.setattr(monitor, "SETTLED_IMAGES", 32)
    train(workplace(tmp_path / "late"), **GRIDS, train__stop_on_collapse=False)
    printed = capsys.readouterr().out
    assert printed.count("warning: ") == 1
    assert "warning: at 32 images: posterior collapse" in printed


@pytest.mark.usefixtures("varied_samples")
def test_or_stops_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.register(monkeypatch, Collapsing)
    monkeypatch.setattr(monitor, "SETTLED_IMAGES", 32)
    with pytest.raises(Collapsed) as told:
        train(workplace(tmp_path), **GRIDS, train__stop_on_collapse=True)
    assert str(told.value) == "at 32 images: posterior collapse (train.stop_on_collapse)"


def test_samples_all_alike_are_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(monitor, "SETTLED_IMAGES", 16)
    monkeypatch.setattr(
        monitor, "decode", lambda *_: factories.images(1).repeat(monitor.GRID_COLUMNS**2, axis=0)
    )
    train(workplace(tmp_path), **GRIDS)
    assert "warning: at 16 images: samples are nearly all alike" in capsys.readouterr().out
