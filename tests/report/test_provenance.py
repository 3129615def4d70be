"""The commit and the versions that a page names."""

import subprocess
from pathlib import Path

import torch

from pipeline.report import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert provenance.commit(tmp_path) == "not a git checkout"
    git(tmp_path, "init", "--quiet")
    for name in ("a", "dvc.lock"):
        (tmp_path / name).write_text("1")
    git(tmp_path, "add", "a", "dvc.lock")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "new").write_text("untracked files are no change")
    (tmp_path / "dvc.lock").write_text("DVC writes it while the run goes on")
    assert provenance.commit(tmp_path / "outputs") == head
    (tmp_path / "a").write_text("2")
    assert provenance.commit(tmp_path) == f"{head} with changes not committed"


def test_a_folder_that_is_not_there_is_no_checkout(tmp_path: Path) -> None:
    assert provenance.commit(tmp_path / "none") == "not a git checkout"


def test_versions_are_those_installed() -> None:
    found = provenance.versions()
    assert found["torch"] == torch.__version__.split("+")[0]
    assert set(provenance.LIBRARIES) < set(found)
