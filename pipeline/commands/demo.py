"""`demo`: samples of a generator that comes with the package, a walk between its latents, and the
page that shows them."""

import argparse
from typing import TYPE_CHECKING

from pipeline.common import files, progress
from pipeline.common.paths import Paths

if TYPE_CHECKING:
    import numpy as np

    from pipeline.models.saved import SavedGenerator

_COLUMNS, _ROWS = 8, 8
_STOPS, _STEPS = 6, 12
_FRAME_MS = 90
_SCALE = 3
_GRID_BYTES = 600_000
_SECTIONS = [
    ("samples", "Samples"),
    ("walk", "A walk"),
    ("origin", "Origin"),
    ("next", "What next"),
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pretrained", metavar="NAME", default="stanford-dogs", help="generator")
    parser.add_argument("--seed", type=int, default=1, help="sample i comes from (seed, i)")


def run(options: argparse.Namespace) -> None:
    """Write samples.png, walk.gif and index.html below ROOT/outputs/demo.

    Raises:
        InputError: there is no such generator, or the seed is negative.
    """
    import torch

    from pipeline.common.errors import InputError
    from pipeline.images import arrays
    from pipeline.pretrained import weights
    from pipeline.report import animation

    progress.heading("demo", f"what the generator {options.pretrained} makes")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed}: must not be negative")
    generator = weights.load(options.pretrained, torch.device("cpu"))
    folder = Paths(options.root).root / "outputs" / "demo"
    samples = generator.sample(options.seed, _COLUMNS * _ROWS)
    frames = generator.walk(options.seed, _STOPS, _STEPS, closed=True)
    walk = animation.encode(frames, "GIF", scale=_SCALE, frame_ms=_FRAME_MS)
    page = _page(options.pretrained, options.seed, generator, samples, walk)
    files.write_bytes(folder / "samples.png", arrays.encode_png(arrays.grid(samples, _COLUMNS)))
    files.write_bytes(folder / "walk.gif", walk)
    files.write_text(folder / "index.html", page)
    progress.say(f"{folder / 'samples.png'}: {len(samples)} samples, seed {options.seed}")
    progress.say(f"{folder / 'walk.gif'}: {len(frames)} frames from sample to sample")
    progress.say(f"{folder / 'index.html'}: both and more; open it in a browser")


def _page(
    name: str, seed: int, generator: "SavedGenerator", samples: "np.ndarray", walk: bytes
) -> str:
    from pipeline.report.page import asset, environment
    from pipeline.report.pictures import embed_gif, embed_grid

    return environment().get_template("demo.html.j2").render(
        title=f"Samples of {name}",
        subtitle="By a generator that comes with the project; nothing was trained here.",
        sections=_SECTIONS,
        style=asset("style.css"),
        name=name,
        seed=seed,
        info=generator.info,
        weights=sum(parameter.numel() for parameter in generator.network.parameters()),
        samples=embed_grid(
            samples,
            _COLUMNS,
            max_bytes=_GRID_BYTES,
            alt=f"Grid of {len(samples)} generated images",
            caption=f"{len(samples)} samples of seed {seed}, not picked by hand.",
        ),
        walk=embed_gif(walk, alt="A generated image that turns into others, step by step"),
    )  # fmt: skip
