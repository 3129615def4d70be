"""Reads what a run left behind; what is missing or broken is noted, not fatal."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pipeline.common.paths import Paths

T = TypeVar("T")

# What the page compares and plots, of metrics.json.
NUMBERS = (
    "mifid", "fid", "memorization_distance", "threshold", "floor_fid",
    "floor_memorization_distance", "precision", "recall", "density", "coverage",
)  # fmt: skip
INDEX_COLUMNS = {"file", "breed", "xmin", "ymin", "xmax", "ymax", "crop", "reason"}


@dataclass(frozen=True)
class Missing:
    """A file that a run did not leave, or left unreadable."""

    file: str
    stage: str  # the stage that writes it
    why: str


@dataclass(frozen=True)
class Run:
    """One run's files in memory. `None` (or empty) where there is none; `missing` says why."""

    paths: Paths
    index: pd.DataFrame | None  # one row a box, see INDEX_COLUMNS
    crops: np.ndarray | None  # (N, side, side, 3) uint8, mapped from disk
    history: pd.DataFrame | None  # one row an interval, `images_seen` among the columns
    grids: dict[int, Path]  # images_seen -> PNG grid of samples from fixed latents
    training: dict[str, Any] | None
    generated: np.ndarray | None  # (N, side, side, 3) uint8, mapped from disk
    package: dict[str, Any] | None
    metrics: dict[str, Any] | None
    neighbours: dict[str, Any] | None
    stages: dict[str, dict[str, Any]]  # stage -> its log of seconds and time
    missing: tuple[Missing, ...] = field(default=())

    @property
    def has_generator(self) -> bool:
        return self.paths.generator.is_file()


def read_run(paths: Paths) -> Run:
    """Read the files of the run below `paths.root`, as many of them as there are."""
    missing: list[Missing] = []

    def attempt(path: Path, stage: str, reader: Callable[[Path], T]) -> T | None:
        try:
            return reader(path)
        except FileNotFoundError:
            why = "is not there"
        except (OSError, ValueError, EOFError) as error:
            why = f"cannot be read ({_one_line(error)})"
        missing.append(Missing(path.relative_to(paths.root).as_posix(), stage, why))
        return None

    run = Run(
        paths=paths,
        index=attempt(paths.index, "crop", _index),
        crops=attempt(paths.crops, "crop", _pictures),
        history=attempt(paths.history, "train", _history),
        grids=attempt(paths.grids, "train", _grids) or {},
        training=attempt(paths.training, "train", _object),
        generated=attempt(paths.generated, "generate", _pictures),
        package=attempt(paths.package, "package", _object),
        metrics=attempt(paths.metrics, "score", _metrics),
        neighbours=attempt(paths.neighbours, "score", _neighbours),
        stages=_stage_logs(paths.stage_log),
    )
    if not run.has_generator:
        name = paths.generator.relative_to(paths.root).as_posix()
        missing.append(Missing(name, "train", "is not there"))
    object.__setattr__(run, "missing", tuple(missing))
    return run


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _index(path: Path) -> pd.DataFrame:
    # Names stay text: a breed called "NA" or "007" is neither missing nor a number.
    table = pd.read_csv(
        path,
        dtype={"file": str, "breed": str, "reason": str},
        na_values=[""],
        keep_default_na=False,
    )
    if lacking := INDEX_COLUMNS - set(table.columns):
        raise ValueError(f"lacks the columns {', '.join(sorted(lacking))}")
    if table.empty:
        raise ValueError("holds no row")
    return table


def _history(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path)
    if "images_seen" not in table or table.empty:
        raise ValueError("holds no row with images_seen")
    table["images_seen"] = pd.to_numeric(table["images_seen"])
    if table["images_seen"].isna().any():
        raise ValueError("has a row without images_seen")
    return table


def _pictures(path: Path) -> np.ndarray:
    # Mapped: the page shows a few dozen of what may be a gigabyte.
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or not len(array):
        raise ValueError(f"holds {array.dtype} {array.shape} instead of uint8 (N, side, side, 3)")
    return array


def _object(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    if not isinstance(content, dict):
        raise ValueError("holds no JSON object")
    return content


def _refuse(constant: str) -> None:
    raise ValueError(f"holds {constant}, which is no JSON")


def _metrics(path: Path) -> dict[str, Any]:
    content = _object(path)
    for key in NUMBERS:
        value = content.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{key} is {value!r}, no number")
    return content


def _neighbours(path: Path) -> dict[str, Any]:
    content = _object(path)
    pairs = content.get("pairs")
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) for pair in pairs):
        raise ValueError("holds no list of pairs")
    return content


def _grids(folder: Path) -> dict[int, Path]:
    found = {int(path.stem): path for path in folder.glob("*.png") if path.stem.isdigit()}
    if not found:
        raise FileNotFoundError(folder)
    return dict(sorted(found.items()))


def _stage_logs(folder: Path) -> dict[str, dict[str, Any]]:
    logs = {}
    for path in sorted(folder.glob("*.json")):
        try:
            log = _object(path)
            logs[path.stem] = log | {"seconds": float(log["seconds"])}
        except (OSError, LookupError, TypeError, ValueError):
            continue  # a log is a courtesy: one cut short by a kill is not worth a word
    return logs
