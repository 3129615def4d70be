"""`summary` names the files of a run and says its score in words."""

import hashlib
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.common import files
from pipeline.common.paths import Paths
from tests.report.synthetic import metrics, write_run

SHA256 = hashlib.sha256(bytes(2000)).hexdigest()


def summary(root: Path, capsys: pytest.CaptureFixture) -> str:
    assert main(["--root", str(root), "summary"]) == 0
    return capsys.readouterr().out


def test_it_names_the_zip_the_score_and_the_images(
    run_root: Path, capsys: pytest.CaptureFixture
) -> None:
    said = summary(run_root, capsys)
    assert f"outputs/images.zip (80 images, 2.0 kB, sha256 {SHA256[:12]}…)" in said
    assert "MiFID 41.7, lower is better; unseen real images get 3.4" in said
    assert "proxy" in said and "not Kaggle's number" in said and "12.46" not in said
    assert "No sign of memorisation" in said
    assert "outputs/samples.png, outputs/grids/, outputs/nearest.png" in said
    assert "missing" not in said


def test_an_official_score_stands_beside_kaggles(
    run_root: Path, capsys: pytest.CaptureFixture
) -> None:
    official = metrics(official=True, extractor="inception", memorization_distance=0.05)
    files.write_json(Paths(run_root).metrics, official)
    said = summary(run_root, capsys)
    assert "official network" in said and "12.46" in said and "31.10" in said
    assert "Memorised: penalised" in said


def test_a_run_of_nothing_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    said = summary(tmp_path, capsys)
    assert "none yet" in said
    for stage in ("crop", "train", "generate", "package", "score"):
        assert f"python -m pipeline {stage})" in said


def test_a_zip_that_is_not_the_packed_one_is_said(
    run_root: Path, capsys: pytest.CaptureFixture
) -> None:
    (run_root / "outputs/images.zip").write_bytes(bytes(1999) + b"\1")
    said = summary(run_root, capsys)
    assert SHA256[:12] not in said
    assert "damaged      outputs/images.zip is not the one of package.json (python -m pipe" in said
    assert "missing" not in said


@pytest.fixture
def run_root(tmp_path: Path) -> Path:
    paths = write_run(tmp_path)
    paths.images_zip.write_bytes(bytes(2000))
    files.write_json(paths.package, {"sha256": SHA256, "images": 80})
    paths.report.write_text("<html>")
    return tmp_path
