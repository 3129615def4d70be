"""`python -m pipeline verify`: look for damage, and say how to mend it."""

import argparse

from pipeline.common import progress
from pipeline.common.errors import PipelineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(options: argparse.Namespace) -> None:
    """Print what is damaged below the root, a line each, with what to do. Nothing is changed.

    Raises:
        PipelineError: something is damaged.
    """
    from pipeline.workspace.audit import audit  # late: it loads the feature network's module

    progress.heading("verify", "outs, DVC's cache, checkpoints and weights against checksums")
    found = audit(options.root)
    for fault in found.faults:
        progress.say(f"{fault.path} {fault.what}\n    {fault.cure}")
    checked = ", ".join(f"{count:,} {kind}" for kind, count in found.checked.items())
    progress.say(f"checked: {checked}")
    if found.faults:
        raise PipelineError(f"{len(found.faults)} damaged or missing; the cure is below each")
