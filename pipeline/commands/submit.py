"""`python -m pipeline submit`: make through DVC what is submitted, then check and submit it.

Submitting is no stage of DVC, so that no `dvc repro`, of whatever stages, sends anything.
"""

import argparse
import sys
from dataclasses import dataclass
from types import ModuleType

from pipeline.common import progress
from pipeline.common.paths import Paths
from pipeline.config import params
from pipeline.stages import submit_file, submit_kernel
from pipeline.workspace import repro


@dataclass(frozen=True)
class _Mode:
    """What a value of submit.mode does.

    Attributes:
        plan: said before anything runs.
        target: DVC's stage that makes what is submitted.
        stage: module that checks it and submits it.
    """

    plan: str
    target: str
    stage: ModuleType


MODES = {
    "dry-run": _Mode(
        "check outputs/images.zip and write the receipt outputs/submission.json; nothing is sent "
        "(submit.mode: file or kernel does)",
        "score",
        submit_file,
    ),
    "file": _Mode(
        "check outputs/images.zip, ask Kaggle, upload it and submit it", "score", submit_file
    ),
    "kernel": _Mode(
        "bundle the chain, ask Kaggle, push it as a kernel, follow its run, submit its zip",
        "kernels/dvc.yaml:bundle",
        submit_kernel,
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none: submit.mode of params.yaml says what to do."""


def run(options: argparse.Namespace) -> None:
    """Say what will happen, have DVC bring about what is submitted, and submit it.

    Raises:
        PipelineError: as the two stages.
    """
    settings = params.load(options.params or options.root / "params.yaml")
    mode = MODES[settings.submit.mode]
    progress.say(f"submit.mode is {settings.submit.mode}: {mode.plan}")
    code = repro.run(options.root, [mode.target])
    if code != 0:
        sys.exit(code)
    sections = {name: getattr(settings, name) for name in mode.stage.SECTIONS}
    mode.stage.run(Paths(options.root.resolve()), **sections)
