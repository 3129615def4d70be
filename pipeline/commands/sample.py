"""`sample`: a grid of pictures from a trained generator, for a slide or a look."""

import argparse
from pathlib import Path

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=64, help="pictures (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="picture i comes from (seed, i)")
    parser.add_argument("--columns", type=int, default=8, help="pictures a row")
    parser.add_argument("--truncation", type=float, help="latents within ± this (e.g. 0.8)")
    parser.add_argument("--generator", type=Path, help="default: ROOT/outputs/generator.pt")
    parser.add_argument("--out", type=Path, help="PNG (default: ROOT/outputs/sample-SEED.png)")


def run(options: argparse.Namespace) -> None:
    """Write the grid.

    Raises:
        InputError: an option is out of range, or there is no generator.
    """
    import torch

    from pipeline.images import arrays
    from pipeline.models import load_generator
    from pipeline.models.sampling import latents, sample

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
    cpu = torch.device("cpu")
    generator = load_generator(options.generator or paths.generator, cpu)
    inputs = latents(options.seed, 0, options.count, generator.latent_dim, options.truncation)
    pictures = sample(generator, inputs, cpu)
    sheet = arrays.grid(pictures, min(options.columns, options.count))
    files.write_bytes(out, arrays.encode_png(sheet))
    progress.say(f"{out}: {options.count} pictures of {generator.side_px} px, seed {options.seed}")
