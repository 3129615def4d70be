"""Stages run by the hundred, each in a process of its own that has loaded everything already: torch
alone takes two seconds."""

import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path

from pipeline.__main__ import CHAIN, main


def load() -> None:
    """Import what the stages need."""
    for name in CHAIN:
        importlib.import_module(f"pipeline.stages.{name}")
    # What they import when they work.
    for name in ("matplotlib.figure", "scipy.linalg", "torch._inductor.config"):
        importlib.import_module(name)


def run(root: Path, stage: str) -> tuple[int, str]:
    """Run a stage in a fork of this process; return its exit code (of a signal: less than 0), and
    what it printed."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            code = 70  # of a traceback, as a defect of ours gives
            try:
                code = main(["--root", str(root), stage])
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode("utf-8", "replace")
