"""A project of DVC small enough for a test: an out, a folder of outs, a metric that git keeps."""

import subprocess
from pathlib import Path

from tests import checkout
from tests.conftest import REPOSITORY

YAML = """
stages:
  one:
    cmd: mkdir -p data && cat input.txt input.txt > data/one.txt
    deps: [input.txt]
    outs: [data/one.txt]
  many:
    cmd: mkdir -p data/many && cp data/one.txt data/many/a.txt && echo b > data/many/b.txt
    deps: [data/one.txt]
    outs: [data/many]
  measure:
    cmd: 'echo "{\\"size\\": 8}" > size.json'
    deps: [data/many]
    metrics: [{size.json: {cache: false}}]
"""


def make(folder: Path) -> Path:
    """Return a repository in which each stage has run twice, on two inputs."""
    folder.mkdir(parents=True)
    (folder / "dvc.yaml").write_text(YAML)
    (folder / "data").mkdir()
    for command in ("git init -q", "dvc init -q", "dvc config core.analytics false"):
        run(folder, *command.split())
    run(folder, "dvc", "config", "core.autostage", "true")
    for content in ("old\n", "new\n"):
        (folder / "input.txt").write_text(content)
        run(folder, "dvc", "repro")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "made")
    return folder


def run(folder: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run a command there, as `checkout.run` does; `python -m pipeline` is this checkout's."""
    return checkout.run(folder, *command, check=check, PYTHONPATH=str(REPOSITORY))
