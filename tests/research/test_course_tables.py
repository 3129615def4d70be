"""The rows of the course tables are valid parameters, and their scores become lines."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.common.paths import Paths
from research.course_tables import table, train
from research.course_tables.runs import (
    LAYERS,
    RATES,
    REPORTED_LAYERS,
    REPORTED_RATES,
    SEEDS,
    TableRun,
)
from tests.data.arrays import made


@pytest.mark.parametrize("run", [*RATES, *LAYERS], ids=lambda run: run.name)
def test_each_row_is_a_valid_training_of_the_fully_connected_gan(run: TableRun) -> None:
    settings = train.settings_of(run, seed=2, images=640, mnist="/mnist")
    assert (settings.data.source, settings.model.name) == ("mnist", "mlp")
    assert (settings.train.seed, settings.train.images) == (2, 640)
    assert settings.model.latent_dim == 100
    for key, value in run.changes.items():
        found = settings
        for name in key.split("."):
            found = getattr(found, name)
        assert found == (tuple(value) if isinstance(value, list) else value), key


def test_the_rows_are_as_many_as_the_report_has_and_all_different() -> None:
    assert (len(RATES), len(LAYERS)) == (len(REPORTED_RATES), len(REPORTED_LAYERS)) == (9, 5)
    for rows in (RATES, LAYERS):
        assert len({json.dumps(run.changes, sort_keys=True) for run in rows}) == len(rows)
    folders = [train.folder_name(run, seed) for run in (*RATES, *LAYERS) for seed in SEEDS]
    assert len(set(folders)) == len(folders)
    assert all("/" not in name for name in folders)


def test_a_row_has_the_median_and_the_range_over_its_seeds(tmp_path: Path) -> None:
    decisive = next(run for run in RATES if run.is_decisive)
    for seed, fcd in zip(SEEDS, (30.0, 10.0, 20.0), strict=True):
        folder = tmp_path / train.folder_name(decisive, seed)
        folder.mkdir()
        (folder / "scores.json").write_text(json.dumps({"fcd": fcd, "rarest_class_share": 0.05}))
    assert table.row(decisive, tmp_path) == (
        f"| {decisive.name} | 3 | 20 (10 to 30) |  | 0.05 (0.05 to 0.05) |"
    )


def test_shares_count_classes_that_are_missing() -> None:
    assert table.class_shares(np.array([0, 0, 3, 0]), 5).tolist() == [0.75, 0, 0, 0.25, 0]


def test_a_run_is_trained_from_mnist_scored_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The crop stage's files serve every run, and both commands are resumed by what they wrote."""
    monkeypatch.delenv("INCEPTION_PARTIAL", raising=False)
    own = {"data.mnist.pinned": False, "classifier.images": 1280, "train.batch_size": 16}
    small = TableRun("small", {"model.mlp.generator_widths": [16], **own})
    for module in (train, table):
        monkeypatch.setattr(module, "RATES", (small,))
        monkeypatch.setattr(module, "LAYERS", ())
    monkeypatch.setattr(table, "SAMPLES", 200)
    folder = made.write_mnist(tmp_path / "mnist", train=200, test=100)
    work = tmp_path / "work"
    for _ in range(2):
        with monkeypatch.context() as patch:
            arguments = ["--mnist", str(folder), "--work", str(work)]
            patch.setattr("sys.argv", ["train", *arguments, "--images", "320"])
            train.main()
            patch.setattr("sys.argv", ["table", "--work", str(work)])
            table.main()
        run = work / train.folder_name(small, SEEDS[0])
        assert Paths(run).generator.is_file()
        scores = json.loads((run / "scores.json").read_text())
        assert scores["fcd"] > 0
        assert f"| small | 1 | {scores['fcd']:.3g} |" in capsys.readouterr().out
        monkeypatch.setattr(table, "score", None)
        monkeypatch.setattr(train.train, "run", None)
