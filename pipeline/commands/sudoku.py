"""`sudoku`: serve a Sudoku whose clues are generated digits, or write one as a page of its own."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths

if TYPE_CHECKING:
    from pipeline.sudoku.preparation import Supply

_PORTS = range(65536)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=8000, help="default: %(default)s; 0: a free one"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at (default: %(default)s, this machine alone; 0.0.0.0: all)",
    )
    parser.add_argument(
        "--html", type=Path, metavar="PATH", help="write one board as a page that needs no server"
    )
    parser.add_argument("--seed", type=int, help="of the board of --html (default: 1)")
    parser.add_argument("--level", help="of the board of --html (default: easy)")


def run(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C, or write the page; a model of digits is trained first if there is none.

    Raises:
        InputError: an option is out of range, or the port is taken.
        PipelineError: as `preparation.prepare`.
    """
    from pipeline.sudoku import page
    from pipeline.sudoku.boards.puzzle import LEVELS, SEEDS

    if options.port not in _PORTS:
        raise InputError(f"--port {options.port}: must be from 0 to {_PORTS[-1]}")
    if options.html is None and (options.seed is not None or options.level is not None):
        raise InputError("--seed and --level are for --html; the page has its own choice of boards")
    seed = 1 if options.seed is None else options.seed
    level = "easy" if options.level is None else options.level
    if seed not in SEEDS:
        raise InputError(f"--seed {seed}: must be from 0 to {SEEDS[-1]}")
    if level not in LEVELS:
        raise InputError(f"--level {level}: must be one of {', '.join(LEVELS)}")
    if options.html is not None and options.html.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--html {options.html}: must end in .html")
    if options.html is not None:
        supply = _supply(options)
        files.write_text(options.html, page.standalone(supply, level, seed))
        size_kb = options.html.stat().st_size / 1e3
        progress.say(f"{options.html}: {level} board {seed}, {size_kb:,.0f} kB, needs no server")
        return
    from pipeline.sudoku import app, server

    # First, so that a port that is taken is said before a model is trained.
    with server.bound(options.host, options.port) as opened:
        server.serve(app.create(_supply(options)), opened, options.host)


def _supply(options: argparse.Namespace) -> "Supply":
    from pipeline.sudoku import preparation

    params_file = options.params or options.root / "params.yaml"
    return preparation.prepare(Paths(options.root.resolve()), params_file)
