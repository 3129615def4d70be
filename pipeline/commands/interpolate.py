"""`interpolate`: walk between latents, or classes, of a trained generator, as an animation and as a
grid."""

import argparse
from pathlib import Path

import numpy as np

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.pretrained import choice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stops", type=int, default=6, help="latents to walk through")
    parser.add_argument("--steps", type=int, default=12, help="steps from one to the next")
    parser.add_argument("--seed", type=int, default=1, help="the stops come from (seed, i)")
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="LABEL",
        help="walk from class to class at one latent instead, where the generator is told classes",
    )
    parser.add_argument("--scale", type=int, default=4, help="enlargement of the animation")
    parser.add_argument("--frame-ms", type=int, default=80, help="milliseconds a frame is shown")
    choice.add_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        help=".webp or .gif (default: ROOT/outputs/interpolation.webp); the grid is the .png "
        "beside it, a row from each stop to the next",
    )


def run(options: argparse.Namespace) -> None:
    """Write the animation, which ends where it begins, and the grid.

    Raises:
        InputError: an option is out of range, or there is no generator, or no such class.
    """
    from pipeline.images import arrays
    from pipeline.report import animation

    for name, least in (("stops", 2), ("steps", 1), ("seed", 0), ("scale", 1), ("frame_ms", 10)):
        if getattr(options, name) < least:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} {getattr(options, name)}: must be at least {least}")
    if options.labels and len(options.labels) < 2:
        raise InputError("--labels: name two classes at least")
    paths = Paths(options.root)
    out = options.out or paths.root / "outputs" / "interpolation.webp"
    if out.suffix.lower() not in (".webp", ".gif"):
        raise InputError(f"--out {out}: must end in .webp or .gif")
    generator = choice.chosen(options, paths)
    if options.labels:
        stops = len(options.labels)
        samples = generator.walk_classes(options.seed, options.labels, options.steps)
    else:
        stops = options.stops
        samples = generator.walk(options.seed, stops, options.steps, closed=True)
    frames = animation.encode(
        samples, out.suffix[1:].upper(), scale=options.scale, frame_ms=options.frame_ms
    )
    files.write_bytes(out, frames)
    # Each row holds both of its stops, so that it can be looked at alone.
    rows = np.arange(stops)[:, None] * options.steps + np.arange(options.steps + 1)
    sheet = arrays.grid(samples[rows.ravel() % len(samples)], options.steps + 1)
    files.write_bytes(out.with_suffix(".png"), arrays.encode_png(sheet))
    progress.say(f"{out}: {len(samples)} frames; {out.with_suffix('.png')}: the same as a grid")
