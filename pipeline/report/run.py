"""Read the files of a run. A missing or broken file is noted and does not stop the reader."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.common import files, npy, torch_file
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.report.curves import Panel, images_seen
from pipeline.report.curves import read as read_curves

T = TypeVar("T")

# The numbers of metrics.json that the page compares and plots.
NUMBERS = (
    "mifid", "fid", "memorization_distance", "threshold", "floor_fid",
    "floor_memorization_distance", "memorization_distance_flips", "memorization_distance_parts",
    "precision", "recall", "density", "coverage",
)  # fmt: skip
INDEX_COLUMNS = {"file", "class", "xmin", "ymin", "xmax", "ymax", "crop", "reason"}
CHANNELS = (1, 3)
_NO_CURVES = {"images_seen", "seconds", "memory_mb"}  # columns of history.csv alone
_LARGEST_EPSILON = 1e-3  # of MiFID's division
_ABSENT = "is not there"


@dataclass(frozen=True)
class Missing:
    """A file that is not there, cannot be read, or does not fit the others."""

    file: str
    stage: str  # the stage that writes it
    why: str

    @property
    def is_absent(self) -> bool:
        return self.why == _ABSENT


@dataclass(frozen=True)
class Run:
    """One run's files in memory. `None` (or empty) where there is none; `missing` says why."""

    paths: Paths
    index: pd.DataFrame | None  # one row a box, see INDEX_COLUMNS
    crops: np.ndarray | None  # (N, side, side, channels) uint8, mapped from disk
    held_out: tuple[np.ndarray, np.ndarray] | None  # its own test set and the names of its classes
    curves: tuple[Panel, ...] | None  # of outputs/curves.csv
    grids: dict[int, Path]  # images_seen -> PNG grid of samples from fixed latents
    training: dict[str, Any] | None
    generated: np.ndarray | None  # (N, side, side, channels) uint8, mapped from disk
    package: dict[str, Any] | None
    metrics: dict[str, Any] | None
    neighbours: dict[str, Any] | None
    stages: dict[str, dict[str, Any]]  # stage -> its log of seconds and time
    missing: tuple[Missing, ...] = field(default=())

    @property
    def has_generator(self) -> bool:
        return self.paths.generator.is_file()


def read_run(paths: Paths) -> Run:
    """Return the files of the run below `paths.root`, as many of them as there are."""
    reader = _Reader(paths.root)
    found: dict[str, Any] = {
        "index": reader.read(paths.index, "crop", _index),
        "crops": reader.read(paths.crops, "crop", partial(_images, stage="crop")),
        "held_out": reader.read(paths.held_out, "crop", _held_out),
        "curves": reader.read(paths.curves_csv, "train", read_curves),
        "grids": reader.read(paths.grids, "train", _grids) or {},
        "training": reader.read(paths.training, "train", _object),
        "generated": reader.read(paths.generated, "generate", partial(_images, stage="generate")),
        "package": reader.read(paths.package, "package", _object),
        "metrics": reader.read(paths.metrics, "score", _metrics),
        "neighbours": reader.read(paths.neighbours, "score", _neighbours),
    }
    reader.read(paths.generator, "train", _check_generator)
    pictures = {paths.samples: "train", paths.curves: "train", paths.nearest: "score"}
    for path, stage in (pictures | dict.fromkeys(found["grids"].values(), "train")).items():
        if path.is_file():
            reader.read(path, stage, _check_picture)
    reader.compare(paths, **found)
    return Run(
        paths=paths,
        stages=_stage_logs(paths.stage_log),
        missing=tuple(reader.missing),
        **found,
    )


class _Reader:
    """Reads files and notes those that it cannot read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.missing: list[Missing] = []

    def read(self, path: Path, stage: str, parse: Callable[[Path], T]) -> T | None:
        """Return `parse(path)`, or None, noted, where the file is not there or is broken."""
        try:
            return parse(path)
        except FileNotFoundError:
            self.note(path, stage, _ABSENT)
        except (OSError, ValueError, EOFError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            reason = reason.removeprefix(f"{path}: ")
            self.note(path, stage, f"cannot be read ({reason})")
        return None

    def compare(
        self,
        paths: Paths,
        *,
        index: pd.DataFrame | None,
        crops: np.ndarray | None,
        training: dict[str, Any] | None,
        package: dict[str, Any] | None,
        metrics: dict[str, Any] | None,
        curves: tuple[Panel, ...] | None,
        **others: object,
    ) -> None:
        """Note the files that are whole by themselves and do not fit the others."""
        if index is not None and crops is not None:
            named = int(index["crop"].notna().sum())
            if named != len(crops):
                why = f"names {named:,} crops, {paths.crops.name} holds {len(crops):,}"
                self.note(paths.index, "crop", why)
        self._compare_curves(paths, curves, (training or {}).get("images_seen"))
        if metrics is not None and not _is_mifid(metrics):
            why = "its MiFID is not its FID over its memorisation distance"
            self.note(paths.metrics, "score", why)
        packed = (package or {}).get("sha256")
        if packed and paths.images_zip.is_file() and files.sha256(paths.images_zip) != packed:
            self.note(paths.images_zip, "package", f"is not the one of {paths.package.name}")

    def _compare_curves(
        self, paths: Paths, curves: tuple[Panel, ...] | None, trained: int | None
    ) -> None:
        """Compare the two tables of training, which hold the same values in two forms."""
        history = self.read(paths.history, "train", _history)
        ends = {
            paths.curves_csv: images_seen(curves) if curves else None,
            paths.history: history[0] if history else None,
        }
        wrong = {path: end for path, end in ends.items() if end not in (None, trained)}
        for path, end in wrong.items() if trained is not None else ():
            why = f"ends at {end:,} images, {paths.training.name} at {trained:,}"
            self.note(path, "train", why)
        if curves and history and len(set(ends.values())) == 1:
            drawn = {
                (seen, line.metric): value
                for panel in curves
                for line in panel.lines
                for seen, value in zip(line.images_seen.tolist(), line.value.tolist(), strict=True)
            }
            if different := _different(drawn, history[1]):
                seen, metric = min(different)
                why = f"does not agree with {paths.history.name}: {metric} at {seen:,} images"
                self.note(paths.curves_csv, "train", why)

    def note(self, path: Path, stage: str, why: str) -> None:
        self.missing.append(Missing(path.relative_to(self._root).as_posix(), stage, why))


def _index(path: Path) -> pd.DataFrame:
    # Names stay text: a class called "NA" or "007" is neither missing nor a number.
    table = pd.read_csv(
        path,
        dtype={"file": str, "class": str, "reason": str},
        na_values=[""],
        keep_default_na=False,
    )
    if lacking := INDEX_COLUMNS - set(table.columns):
        raise ValueError(f"lacks the columns {', '.join(sorted(lacking))}")
    if table.empty:
        raise ValueError("holds no row")
    return table


def _images(path: Path, stage: str) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(path)
    # Mapped: the page shows a few dozen of what may be a gigabyte.
    array = npy.load(path, made_by=stage)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] not in CHANNELS:
        raise ValueError(
            f"holds {array.dtype} {array.shape} instead of uint8 (N, side, side, 1 or 3)"
        )
    if not len(array):
        raise ValueError("holds no image")
    return array


def _check_generator(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        torch_file.check(path)
    except torch_file.DamagedFile as error:
        raise ValueError(str(error)) from None


def _check_picture(path: Path) -> None:
    """Raise ValueError where a part of a PNG is not what its checksum says, or is cut off."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.verify()
    except (SyntaxError, OSError) as error:
        raise ValueError(str(error).removesuffix(f" {str(path)!r}")) from None


def _history(path: Path) -> tuple[int, dict[tuple[int, str], float]]:
    """Return the images seen of the last row of outputs/history.csv, and the finite values by
    images seen and metric."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "images_seen" not in rows[-1]:
        raise ValueError("holds no row of images_seen")
    if any(None in row or None in row.values() for row in rows):
        raise ValueError("has a row of another length")
    values = {
        (int(row["images_seen"]), name): float(cell)
        for row in rows
        for name, cell in row.items()
        if cell and name not in _NO_CURVES
    }
    finite = {key: value for key, value in values.items() if math.isfinite(value)}
    return int(rows[-1]["images_seen"]), finite


def _different(
    one: dict[tuple[int, str], float], other: dict[tuple[int, str], float]
) -> list[tuple[int, str]]:
    """Return the keys of which only one has a value, or the two have not the same."""
    alone = one.keys() ^ other.keys()
    return [*alone] + [
        key for key in one.keys() & other.keys() if not math.isclose(one[key], other[key])
    ]


def _is_mifid(metrics: dict[str, Any]) -> bool:
    """Return whether MiFID is FID / (d' + epsilon), d' being d where it is penalised and 1
    elsewhere (Bai et al. 2021, eq. 4); True where one of these is not known. A changed digit shows,
    down to the share of the largest epsilon."""
    mifid, fid, distance, threshold = (
        metrics.get(name) for name in ("mifid", "fid", "memorization_distance", "threshold")
    )
    if mifid is None or fid is None or distance is None or threshold is None:
        return True
    divisor = distance if distance < threshold else 1.0
    low, high = fid / (divisor + _LARGEST_EPSILON), fid / divisor if divisor else math.inf
    return low * (1 - 1e-9) <= mifid <= high * (1 + 1e-9)


def _held_out(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        return held_out.load_named(path)
    except InputError as error:
        raise ValueError(str(error)) from None


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
            continue  # a log that a kill cut short costs one row of a table and no more
    return logs
