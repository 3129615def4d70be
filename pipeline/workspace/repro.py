"""Start `dvc repro` in a checkout where it can work."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.common.errors import PipelineError
from pipeline.workspace import lockfiles


def prepare(root: Path) -> None:
    """Check what DVC needs, and mend what a kill left of its files.

    Raises:
        PipelineError: there is no git repository, or a folder of outs is a link.
    """
    root = root.resolve()
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        raise PipelineError(
            f"{root}: no git repository, and DVC needs one (a downloaded zip has none): run "
            f"`git init && git add -A` here once, or `python -m pipeline all`, which needs no DVC"
        )
    for name in ("data", "outputs"):
        if (root / name).is_symlink():
            raise PipelineError(
                f"{root / name}: a link, behind which DVC keeps nothing: make it a folder, or put "
                f"the whole checkout on the large disk; .ckpt and .dvc/cache may be links"
            )
    lockfiles.mend(root)


def become(root: Path, arguments: Sequence[str]) -> None:
    """Prepare, then become `dvc repro` with these arguments: signals reach it as they are."""
    prepare(root)
    sys.stdout.flush()
    os.chdir(root)
    os.execv(sys.executable, _command(arguments))


def run(root: Path, arguments: Sequence[str]) -> int:
    """Prepare, run `dvc repro` with these arguments, and return its exit code."""
    prepare(root)
    process = subprocess.Popen(_command(arguments), cwd=root)
    # Ctrl-C reaches DVC and its stage too. Both end by themselves, the stage with a checkpoint;
    # without this, Python would kill DVC a quarter of a second later.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "dvc", "repro", *arguments]
