"""`write`: draw a text of digits, such as a date or a number on a shirt, in generated digits."""

import argparse
from pathlib import Path

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", help='digits, "-", "/", "." and spaces, such as "2026-11-26"')
    parser.add_argument("--out", type=Path, required=True, help="PNG")
    parser.add_argument("--seed", type=int, default=1, help="chooses the pictures")
    parser.add_argument("--scale", type=int, default=4, help="enlargement (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Write the picture; a model of digits is trained first if there is none.

    Raises:
        InputError: another character, no digit or too many, or an option is out of range.
        PipelineError: as `preparation.prepare`.
    """
    from pipeline.images import arrays
    from pipeline.sudoku import preparation, writing
    from pipeline.sudoku.boards.puzzle import SEEDS

    writing.require(options.text)
    if options.seed not in SEEDS:
        raise InputError(f"--seed {options.seed}: must be from 0 to {SEEDS[-1]}")
    if not 1 <= options.scale <= 16:
        raise InputError(f"--scale {options.scale}: must be from 1 to 16")
    if options.out.suffix.lower() != ".png":
        raise InputError(f"--out {options.out}: must end in .png")
    paths = Paths(options.root.resolve())
    supply = preparation.prepare(paths, options.params or options.root / "params.yaml")
    image, chosen = writing.draw(options.text, supply.pool, seed=options.seed, scale=options.scale)
    files.write_bytes(options.out, arrays.encode_png(image))
    least = min(picture.confidence for picture in chosen)
    progress.say(
        f"{options.out}: {len(chosen)} certified digits, each another sample, read with a "
        f"confidence of {least:.2f} or more"
    )
