"""`compare`: folders, zips and DVC's names as runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.submission.writer import write_zip
from tests import factories
from tests.forms import DOGS
from tests.report.synthetic import write_run


def compare(root: Path, *runs: str) -> int:
    return main(["--root", str(root), "compare", *runs])


def test_folders_and_zips_stand_side_by_side(tmp_path: Path) -> None:
    for number in (1, 2):
        write_run(tmp_path / f"run{number}", seed=number)
    write_zip(tmp_path / "images.zip", factories.images(5, 64), DOGS)
    names = [str(tmp_path / name) for name in ("run1", "run2", "images.zip")]
    assert compare(tmp_path / "run1", *names) == 0
    html = (tmp_path / "run1" / "outputs" / "compare.html").read_text(encoding="utf-8")
    assert "3 runs side by side" in html
    assert "workspace" in html and names[1] in html and names[2] in html
    assert "the first of 5 images" in html


def test_a_broken_zip_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "images.zip").write_bytes(b"no zip")
    assert compare(tmp_path, str(tmp_path / "images.zip")) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "images.zip" in said


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of DVC with one commit, whose outputs changed since."""
    root = tmp_path_factory.mktemp("repository")
    write_run(root, seed=1)
    person = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org"}
    person |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in person.items()}
    for command in (
        ["git", "init", "--quiet"],
        [sys.executable, "-m", "dvc", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "run"],
        ["git", "tag", "first"],
    ):
        subprocess.run(command, cwd=root, check=True, env=os.environ | person)
    write_run(root, seed=2)
    return root


def test_a_name_that_dvc_knows_is_fetched(repository: Path) -> None:
    assert compare(repository, "first", str(repository)) == 0
    html = (repository / "outputs" / "compare.html").read_text(encoding="utf-8")
    samples = html[html.index('id="samples"') : html.index('id="metrics"')]
    assert ">first<" in samples and ">workspace<" in samples
    images = [part.split('"')[0] for part in samples.split('<img src="')[1:]]
    assert len(images) == 2 and images[0] != images[1]
    assert "not complete" not in html


@pytest.mark.parametrize("name", ["nowhere", "--help", "-x", "first; touch x"])
def test_an_unknown_name_is_one_line(
    repository: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    assert main(["--root", str(repository), "compare", "--", name]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and name in said
    assert not (repository / "x").exists()
