"""`compare`: write runs (folders, zips, experiments of DVC) side by side in one page."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress
from pipeline.common.paths import Paths
from pipeline.workspace import experiments

if TYPE_CHECKING:
    from pipeline.report.compare import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="the folder of a run (`.` is this one), a zip or folder of PNG or JPEG files, or "
        "the name of an experiment, branch or commit",
    )
    parser.add_argument("--out", type=Path, help="default: ROOT/outputs/compare.html")


def run(options: argparse.Namespace) -> None:
    """Write the page.

    Raises:
        InputError: a name is neither a folder, nor a zip, nor known to DVC.
    """
    from pipeline.report import compare

    progress.heading("compare", ", ".join(options.runs))
    out = options.out or options.root / "outputs" / "compare.html"
    names = list(dict.fromkeys(options.runs))
    entries = [_entry(name, options.root, of=len(names)) for name in names]
    page = compare.render(entries)
    files.write_text(out, page)
    progress.say(f"{out}: {len(entries)} runs, {len(page.encode()) / 1e6:.1f} MB")


def _entry(name: str, root: Path, *, of: int) -> "Entry":
    from pipeline.report.compare import entry_of_images
    from pipeline.submission.guess import form_of
    from pipeline.submission.reader import read

    place = Path(name)
    shown = "workspace" if place.resolve() == root.resolve() else name
    if place.is_dir() and any((place / part).exists() for part in ("outputs", "params.yaml")):
        return _of_folder(shown, place, of=of)
    if place.exists():
        return entry_of_images(name, read(place, form_of(place)).images, of=of)
    with tempfile.TemporaryDirectory() as folder:
        experiments.fetch(name, root, Path(folder), ("params.yaml", "outputs"))
        return _of_folder(name, Path(folder), of=of)


def _of_folder(name: str, folder: Path, *, of: int) -> "Entry":
    from pipeline.report.compare import entry_of_run
    from pipeline.report.run import read_run

    return entry_of_run(name, read_run(Paths(folder.resolve())), _parameters(folder), of=of)


def _parameters(folder: Path) -> dict[str, Any] | None:
    """Return the parameters unchecked: an older run may have keys that the schema does not know."""
    from pipeline.config import params

    path = folder / "params.yaml"
    return params.read(path) if path.is_file() else None
