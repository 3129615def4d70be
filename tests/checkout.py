"""A scratch checkout of the working tree, with parameters small enough for a test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests import factories

# The whole chain in some twenty seconds: what it makes is noise, how it is made is the same.
TINY: Mapping[str, Any] = {
    **factories.TINY_MODEL,
    "data.drawn.pictures": 24,
    "reference.held_out": 8,
    "train.images": 256,
    "train.batch_size": 16,
    "train.sample_every_images": 128,
    "generate.count": 48,
    "score.nearest": 4,
}


def tracked(repository: Path, *below: str) -> list[str]:
    """The files that git tracks or would track, there or in these folders of it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *below],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [name for name in listed.split("\0") if name]


def copy(repository: Path, folder: Path) -> Path:
    """Copy what git tracks or would track, as one commit of a repository of its own."""
    for name in tracked(repository):
        if (repository / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / name, folder / name)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "copy"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env=environment(folder))
    return folder


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """The environment of a user who activated the virtual environment, with an own HOME."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DVC_", "GIT_", "KAGGLE_"))
    }
    return inherited | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
        **extra,
    }


def set_params(folder: Path, changes: Mapping[str, Any]) -> None:
    """Change values in the folder's params.yaml by their dotted keys, keeping its comments."""
    yaml = YAML()
    path = folder / "params.yaml"
    content = yaml.load(path.read_text())
    for name, value in changes.items():
        *sections, key = name.split(".")
        target = content
        for section in sections:
            target = target[section]
        assert key in target, name
        target[key] = value
    with path.open("w") as file:
        yaml.dump(content, file)


def run(
    folder: Path, *command: str, check: bool = True, timeout_s: float = 280, **extra: str
) -> subprocess.CompletedProcess:
    """Run a command in the folder; on failure show what it printed. `extra` are variables."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder, **extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
    )
    assert not check or done.returncode == 0, done.stdout
    return done
