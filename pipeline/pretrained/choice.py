"""The options by which a command lets its user choose a generator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common.errors import InputError

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.models.saved import SavedGenerator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `chosen` reads."""
    parser.add_argument("--generator", type=Path, help="default: ROOT/outputs/generator.pt")
    parser.add_argument(
        "--pretrained",
        metavar="NAME",
        help="a generator that comes with the package instead, such as stanford-dogs",
    )


def chosen(options: argparse.Namespace, paths: Paths) -> SavedGenerator:
    """Return the generator that the user chose, on the CPU.

    Raises:
        InputError: two are named, or it is not there, or it is none of ours.
    """
    import torch

    from pipeline.models.saved import SavedGenerator
    from pipeline.pretrained import weights

    cpu = torch.device("cpu")
    if options.pretrained is None:
        return SavedGenerator.load(options.generator or paths.generator, cpu)
    if options.generator is not None:
        raise InputError("--generator and --pretrained: name one of them")
    return weights.load(options.pretrained, cpu)
