"""Files of a run by the name that DVC knows it by: an experiment, a branch, a commit."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.common import progress
from pipeline.common.errors import InputError


def fetch(revision: str, root: Path, folder: Path, parts: Sequence[str]) -> None:
    """Let DVC put files or folders of an experiment or commit into `folder`.

    Raises:
        InputError: DVC does not know the name, or its cache does not hold the files.
    """
    if revision.startswith("-"):
        raise InputError(f"{revision}: not the name of a run")
    progress.say(f"{revision}: asking DVC for its files")
    for part in parts:
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        # As a program of its own: this package also runs where DVC is not installed.
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "get", str(root.resolve()), part,
             "--rev", revision, "--out", str(target)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            reason = next(
                (line for line in done.stderr.splitlines() if line.startswith("ERROR")), "no reason"
            ).removeprefix("ERROR: ")
            raise InputError(
                f"{revision}: neither a folder nor a zip here, and DVC has no such run "
                f"({part}: {reason})"
            )
