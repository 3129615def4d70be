"""What DVC runs again and what it does not, by the real command: the table of docs/dvc.md, row by
row."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.__main__ import CHAIN
from pipeline.common import files
from tests import checkout

AFTER_TRAIN = ["train", "generate", "package", "score", "report"]


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A checkout in a path with a space, whose chain ran to its end."""
    folder = tmp_path_factory.mktemp("with a space") / "first clone"
    checkout.copy(repository, folder)
    checkout.set_params(folder, checkout.TINY)
    assert repro(folder) == list(CHAIN)
    return folder


@pytest.fixture
def clone(run_once: Path) -> Iterator[Path]:
    """The same checkout, with its parameters put back afterwards."""
    params = (run_once / "params.yaml").read_bytes()
    yield run_once
    (run_once / "params.yaml").write_bytes(params)
    repro(run_once)


def repro(folder: Path) -> list[str]:
    """Run `dvc repro`; the stages that it really ran, in order."""
    return stages_run(checkout.run(folder, "dvc", "repro").stdout)


def stages_run(printed: str) -> list[str]:
    return re.findall(r"^Running stage '([\w-]+)':$", printed, re.M)


def metrics(folder: Path) -> dict:
    return json.loads((folder / "outputs/metrics.json").read_text())


def test_nothing_changed_nothing_runs(clone: Path) -> None:
    # Python leaves its __pycache__ in the folders that the stages depend on.
    checkout.run(clone, "python", "-m", "compileall", "-q", "pipeline")
    assert list((clone / "pipeline/common/__pycache__").glob("*.pyc"))
    assert repro(clone) == []


def test_train_changed_train_and_what_follows_run_and_back_nothing_does(clone: Path) -> None:
    checkout.set_params(clone, {"train.lr": 4e-4})
    assert repro(clone) == AFTER_TRAIN
    checkout.set_params(clone, {"train.lr": 3e-4})
    assert repro(clone) == []


def test_score_changed_score_runs(clone: Path) -> None:
    checkout.set_params(clone, {"score.neighbours": 3})
    assert repro(clone) == ["score", "report"]


def test_reference_changed_reference_and_score_run(clone: Path) -> None:
    checkout.set_params(clone, {"reference.pictures": "crops"})
    assert repro(clone) == ["reference", "score", "report"]


def test_classifier_changed_where_none_is_asked_for_only_its_own_stage_runs(clone: Path) -> None:
    checkout.set_params(clone, {"classifier.seed": 2})
    assert repro(clone) == ["classify", "report"]


def test_a_comment_changes_nothing(clone: Path) -> None:
    with (clone / "params.yaml").open("a") as file:
        file.write("\n# a remark\n")
    assert repro(clone) == []


def test_the_device_changes_nothing(clone: Path) -> None:
    text = (clone / "params.yaml").read_text()
    (clone / "params.yaml").write_text(text.replace("device: auto", "device: cpu"))
    assert repro(clone) == []


def test_the_code_of_one_stage_reruns_that_stage(clone: Path) -> None:
    # The zip's bytes come out the same, so that nothing after it has a reason to run.
    code = clone / "pipeline/stages/package.py"
    before = code.read_text()
    code.write_text(before + "\n# a remark\n")
    assert repro(clone) == ["package"]
    code.write_text(before)
    assert repro(clone) == []


def test_code_that_training_does_not_run_leaves_it_cheap_and_its_weights_as_they_are(
    clone: Path,
) -> None:
    """Its stage depends on the folder, its fingerprint does not: it takes its last checkpoint."""
    weights = files.sha256(clone / "outputs/generator.pt")
    code = clone / "pipeline/scoring/gallery.py"
    before = code.read_text()
    code.write_text(before + "\n# a remark\n")
    printed = checkout.run(clone, "dvc", "repro").stdout
    assert "continuing at 256 images" in printed
    ran = stages_run(printed)
    # The report, too, where the times of the last row came out different; nothing else.
    scoring = ["classify", "reference", "train", "score"]
    assert [name for name in ran if name != "report"] == scoring
    assert files.sha256(clone / "outputs/generator.pt") == weights
    code.write_text(before)
    assert repro(clone) == []


def test_deleted_outs_come_back_without_running(clone: Path) -> None:
    names = ["outputs/images.zip", "outputs/generator.pt", "data/crops.npy"]
    before = [files.sha256(clone / name) for name in names]
    for name in names:
        (clone / name).unlink()
    assert repro(clone) == []
    assert [files.sha256(clone / name) for name in names] == before


def test_two_clones_make_the_same_zip_and_metrics(
    clone: Path, repository: Path, tmp_path: Path
) -> None:
    second = checkout.copy(repository, tmp_path / "second")
    checkout.set_params(second, checkout.TINY)
    assert repro(second) == list(CHAIN)
    for name in ("data/crops.npy", "data/index.csv", "outputs/images.zip"):
        assert files.sha256(second / name) == files.sha256(clone / name), name
    metrics = [
        json.loads((folder / "outputs/metrics.json").read_text()) for folder in (clone, second)
    ]
    assert metrics[0] == metrics[1]


def test_the_chain_without_dvc_makes_the_same_zip(clone: Path, tmp_path: Path) -> None:
    checkout.run(
        clone, "python", "-m", "pipeline", "--root", str(tmp_path), "--params", "params.yaml", "all"
    )
    assert files.sha256(tmp_path / "outputs/images.zip") == files.sha256(
        clone / "outputs/images.zip"
    )


def test_a_wrong_value_stops_with_one_line_before_anything_runs(clone: Path) -> None:
    before = files.sha256(clone / "outputs/images.zip")
    checkout.set_params(clone, {"train.batch_size": 0})
    printed = checkout.run(clone, "dvc", "repro", check=False).stdout
    assert "error: params.yaml: train.batch_size = 0: " in printed
    assert "Traceback" not in printed
    checkout.set_params(clone, {"train.batch_size": checkout.TINY["train.batch_size"]})
    assert repro(clone) == []
    assert files.sha256(clone / "outputs/images.zip") == before
