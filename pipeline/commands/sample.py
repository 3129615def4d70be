"""`sample`: draw a grid of samples from a trained generator."""

import argparse
from pathlib import Path

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.pretrained import choice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=64, help="samples (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="sample i comes from (seed, i)")
    parser.add_argument("--columns", type=int, default=8, help="samples a row")
    parser.add_argument("--truncation", type=float, help="latents within ± this (e.g. 1.5)")
    parser.add_argument(
        "--label", help="the class to draw, where the generator is told classes (default: all)"
    )
    choice.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="PNG (default: ROOT/outputs/sample-SEED.png)")


def run(options: argparse.Namespace) -> None:
    """Write the grid.

    Raises:
        InputError: an option is out of range, or there is no generator, or no such class.
    """
    from pipeline.images import arrays

    for name in ("count", "columns"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name} {getattr(options, name)}: must be at least 1")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed}: must not be negative")
    if options.truncation is not None and options.truncation < 0.1:
        raise InputError(f"--truncation {options.truncation}: must be at least 0.1")
    paths = Paths(options.root)
    out = options.out or paths.root / "outputs" / f"sample-{options.seed}.png"
    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: must end in .png")
    generator = choice.chosen(options, paths)
    samples = generator.sample(
        options.seed, options.count, label=options.label, truncation=options.truncation
    )
    sheet = arrays.grid(samples, min(options.columns, options.count))
    files.write_bytes(out, arrays.encode_png(sheet))
    progress.say(f"{out}: {options.count} samples of {generator.info.shape}, seed {options.seed}")
