"""`summary`: prints the score and where the zip and the images are, at the end of `make run`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import files, progress
from pipeline.common.paths import Paths

if TYPE_CHECKING:
    from pipeline.report.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(options: argparse.Namespace) -> None:
    """Print the summary of the run below the root."""
    # Imported here: pandas takes long to load, and this module is loaded for every command.
    from pipeline.report.run import read_run

    progress.heading("summary", "the files and the score of the run")
    for line in lines(read_run(Paths(options.root))):
        progress.say(line)


def lines(found: "Run") -> list[str]:
    """Return the summary: a few lines of about 100 characters at most, names on the left."""
    paths = found.paths
    rows: list[tuple[str, str]] = [("submission", _submission(found))]
    rows += _score(found)
    images = [paths.samples, paths.grids, paths.nearest, paths.curves]
    present = [_name(path, paths.root) for path in images if path.exists()]
    rows.append(("images", ", ".join(present) or "none yet"))
    page = _name(paths.report, paths.root)
    rows.append(
        ("report", f"{page} (open it in a browser)" if paths.report.is_file() else "none yet")
    )
    absent = [item for item in found.missing if item.is_absent]
    for stage in dict.fromkeys(item.stage for item in absent):
        names = ", ".join(item.file for item in absent if item.stage == stage)
        rows.append(("missing", f"{names} (python -m pipeline {stage})"))
    for item in found.missing:
        if not item.is_absent:
            rows.append(("damaged", f"{item.file} {item.why} (python -m pipeline {item.stage})"))
    return [f"{name:<13}{text}" for name, text in rows]


def _submission(found: "Run") -> str:
    from pipeline.report import words

    zip_path = found.paths.images_zip
    if not zip_path.is_file():
        return "none yet"
    package = found.package or {}
    known = [words.size(zip_path.stat().st_size)]
    if "images" in package:
        known.insert(0, f"{package['images']:,} images")
    known.append(f"sha256 {files.sha256(zip_path)[:12]}…")
    return f"{_name(zip_path, found.paths.root)} ({', '.join(known)})"


def _score(found: "Run") -> list[tuple[str, str]]:
    from pipeline.report import words

    metrics = found.metrics
    if not metrics or metrics.get("mifid") is None:
        return [("score", "none yet")]
    unseen = metrics.get("floor_fid")
    beside = "" if unseen is None else f"; unseen real images get {words.number(unseen)}"
    public_scores = words.public_scores(metrics)
    verdict = words.verdict(metrics)
    return [
        ("score", f"MiFID {words.number(float(metrics['mifid']))}, lower is better{beside}"),
        ("", words.network(metrics)),
        *([("", public_scores)] if public_scores else []),
        ("memorisation", verdict.headline),
        ("", verdict.words),
    ]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() + ("/" if path.is_dir() else "")
