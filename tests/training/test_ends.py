"""How a run ends before its last image: on a plateau of the score, and after a divergence."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.config.content import override, read
from pipeline.stages import train as stage
from pipeline.training.engine.batches import Batch
from pipeline.training.monitor.metrics import TrainingDiverged
from tests import factories, toy
from tests.conftest import REPOSITORY

SCORED = {
    "train__images": 512,
    "train__log_every_images": 16,
    "train__sample_every_images": 512,
    "train__score_every_images": 16,
    "train__stop_when": "plateau",
    "train__patience_images": 64,
}


def train(paths: Paths, **changes: Any) -> None:
    model, settings = toy.settings(conditional=False, **changes)
    stage.run(paths, device="cpu", model=model, train=settings)


def rows(paths: Paths) -> list[dict[str, str]]:
    with open(paths.history, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the evaluator says, one after the other; the last one for ever."""
    said = [5.0]

    def evaluate(samples: np.ndarray) -> dict[str, float]:
        score = said.pop(0) if len(said) > 1 else said[0]
        return {"fid": score, "mifid": score, "memorization_distance": 0.5}

    monkeypatch.setattr(stage, "_make_evaluator", lambda *_: evaluate)
    return said


# --- the plateau ----------------------------------------------------------------------------------


def test_it_stops_where_the_score_no_longer_improves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scores: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    toy.register(monkeypatch)
    scores[:] = [5.0, 4.0, 3.0, 2.0]  # at 16, 32, 48, 64 and from there on
    paths = factories.workplace(tmp_path)
    train(paths, **SCORED)
    # The median of three is 2.0 at 80 images for the first time, and 64 images are waited; the
    # score of an interval is known at the next one.
    assert int(rows(paths)[-1]["images_seen"]) == 80 + 64 + 16
    assert "no better score for 64 images, finished early, at 160 of 512" in capsys.readouterr().out
    assert paths.generator.is_file()


def test_it_is_over_when_it_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: list[float]
) -> None:
    toy.register(monkeypatch)
    paths = factories.workplace(tmp_path)
    train(paths, **SCORED)
    first = rows(paths)
    train(paths, **SCORED)
    assert [row["images_seen"] for row in rows(paths)] == [row["images_seen"] for row in first]
    # More patience goes on from there.
    train(paths, **{**SCORED, "train__patience_images": 128})
    assert int(rows(paths)[-1]["images_seen"]) > int(first[-1]["images_seen"])


def test_one_that_improves_goes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: list[float]
) -> None:
    toy.register(monkeypatch)
    scores[:] = [100 * 0.9**number for number in range(64)]
    paths = factories.workplace(tmp_path)
    train(paths, **SCORED)
    assert int(rows(paths)[-1]["images_seen"]) == 512


def test_a_plateau_needs_scores() -> None:
    shipped = read(REPOSITORY / "params.yaml")
    changes = {"train.stop_when": "plateau", "train.score_every_images": 0}
    with pytest.raises(InputError, match="stop_when: plateau needs scores"):
        params.parse(override(shipped, changes), where="params.yaml")


# --- the divergence -------------------------------------------------------------------------------


class Diverging(toy.LeastSquares):
    """The loss is not a number from step 5 on, unless the rates are halved; `always` it is so."""

    always = False

    def step(self, batch: Batch, number: int) -> Tensor:
        metrics = super().step(batch, number)
        diverges = number >= 5 and (self.always or self.rate_factor == 1)
        return metrics * torch.nan if diverges else metrics


class AlwaysDiverging(Diverging):
    always = True


STEPS = {
    "train__images": 128,
    "train__batch_size": 8,
    "train__log_every_images": 16,
    "train__sample_every_images": 16,
    "train__checkpoint_minutes": 1e-9,
    "train__on_divergence": "retry",
}


def test_it_returns_to_the_last_checkpoint_with_half_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.register(monkeypatch, Diverging)
    paths = factories.workplace(tmp_path)
    train(paths, **STEPS)
    said = capsys.readouterr().out
    assert said.count("continuing at 40 images") == 1
    assert said.count("train.on_divergence: retry: with half the rate from there on") == 1
    # Every row once, none of the diverged steps.
    found = rows(paths)
    assert [int(row["images_seen"]) for row in found] == list(range(16, 129, 16))
    assert all(np.isfinite(float(row["elbo"])) for row in found)
    assert sorted(path.stem for path in paths.grids.iterdir()) == [
        f"{images:09d}" for images in range(16, 129, 16)
    ]


def test_without_a_checkpoint_it_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.register(monkeypatch, Diverging)
    paths = factories.workplace(tmp_path)
    train(paths, **{**STEPS, "train__checkpoint_minutes": 60})
    assert "continuing at 0 images" in capsys.readouterr().out
    assert int(rows(paths)[-1]["images_seen"]) == 128


def test_the_halved_rate_is_kept_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would diverge again from the step on with the whole rate."""
    toy.register(monkeypatch, Diverging)
    paths = factories.workplace(tmp_path)
    train(paths, **STEPS)
    train(paths, **{**STEPS, "train__images": 256, "train__on_divergence": "stop"})
    assert int(rows(paths)[-1]["images_seen"]) == 256


def test_a_second_divergence_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.register(monkeypatch, AlwaysDiverging)
    with pytest.raises(TrainingDiverged):
        train(factories.workplace(tmp_path), **STEPS)
    assert capsys.readouterr().out.count("with half the rate") == 1


def test_without_a_retry_it_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.register(monkeypatch, Diverging)
    with pytest.raises(TrainingDiverged):
        train(factories.workplace(tmp_path), **{**STEPS, "train__on_divergence": "stop"})
    assert "half the rate" not in capsys.readouterr().out
