"""`plots-page`: writes the page that `dvc plots` needs to work without a network."""

import argparse
from pathlib import Path

from pipeline.common import progress
from pipeline.report import vega

# Where .dvc/config's `plots.html_template` points; git ignores it.
PAGE = Path(".dvc") / "plots-page.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the file to write."""
    parser.add_argument("--out", type=Path, help=f"default: ROOT/{PAGE.as_posix()}")


def run(options: argparse.Namespace) -> None:
    """Write the page that `dvc plots show` and `dvc plots diff` fill."""
    out = options.out or options.root / PAGE
    vega.write_plots_page(out)
    progress.say(f"{out}: dvc plots works offline")
