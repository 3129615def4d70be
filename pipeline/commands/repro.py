"""`python -m pipeline repro`: mend what a kill left of DVC's files, then become `dvc repro`."""

import argparse

from pipeline.workspace import repro


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take DVC's own arguments."""
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="TARGET",
        help="as of `dvc repro`; its options after --",
    )


def run(options: argparse.Namespace) -> None:
    """Never return: DVC's exit code is this command's.

    Raises:
        PipelineError: DVC cannot work here.
    """
    repro.become(options.root, options.arguments)
