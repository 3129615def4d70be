"""`python -m pipeline submit`: run, through DVC, the stage of kernels/dvc.yaml that submits."""

import argparse
import subprocess
import sys

from pipeline.common import progress
from pipeline.config import params

STAGES = {"dry-run": "submit-file", "file": "submit-file", "kernel": "submit-kernel"}
PLANS = {
    "dry-run": "check outputs/images.zip and write the receipt outputs/submission.json; nothing is "
    "sent (submit.mode: file or kernel does)",
    "file": "check outputs/images.zip, ask Kaggle, upload it and submit it",
    "kernel": "bundle the chain, ask Kaggle, push it as a kernel, follow its run, submit its zip",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none: submit.mode of params.yaml says what to do."""


def run(options: argparse.Namespace) -> None:
    """Say what will happen, then have DVC bring about what it depends on, and run it."""
    settings = params.load(options.params or options.root / "params.yaml")
    stage = STAGES[settings.submit.mode]
    progress.say(f"submit.mode is {settings.submit.mode}: {PLANS[settings.submit.mode]}")
    command = [sys.executable, "-m", "dvc", "repro", f"kernels/dvc.yaml:{stage}"]
    sys.exit(subprocess.run(command, cwd=options.root).returncode)
