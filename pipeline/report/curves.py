"""The training curves in long form (outputs/curves.csv): panels, lines and labels as training named
them. No other module of the report knows the name of a metric that training logs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = ("images_seen", "panel", "metric", "label", "value")
_TEXTS = ("panel", "metric", "label")
_LOG_SPAN = 100  # a panel whose values span more than this factor gets a logarithmic axis


@dataclass(frozen=True)
class Line:
    """One metric as training went on.

    Attributes:
        metric: its name, a column of outputs/history.csv.
        label: how a legend calls it.
        images_seen: int64 (n,), n >= 1.
        value: float64 (n,), all finite.
    """

    metric: str
    label: str
    images_seen: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Panel:
    """One chart: its title with the unit, and its lines in the order in which they were logged."""

    title: str
    lines: tuple[Line, ...]


def read(path: Path) -> tuple[Panel, ...]:
    """Return the panels in the order in which they were logged; values that are not finite, gaps,
    are left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks a column, holds no value, or text where a number belongs.
    """
    # Names stay text: a metric called "NA" or "007" is neither missing nor a number.
    table = pd.read_csv(
        path,
        dtype=dict.fromkeys(_TEXTS, str),
        na_values={"images_seen": [""], "value": [""]},
        keep_default_na=False,
    )
    if lacking := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"lacks the columns {', '.join(lacking)}")
    table = table.astype({"images_seen": float, "value": float})
    if not np.isfinite(table["images_seen"]).all():
        raise ValueError("has a row without images_seen")
    table = table[np.isfinite(table["value"])]
    if table.empty:
        raise ValueError("holds no value")
    return tuple(
        Panel(title, tuple(_line(*key, rows) for key, rows in _groups(panel, ["metric", "label"])))
        for (title,), panel in _groups(table, ["panel"])
    )


def _groups(table: pd.DataFrame, columns: list[str]) -> Iterable[tuple[tuple, pd.DataFrame]]:
    return table.groupby(columns, sort=False)


def _line(metric: str, label: str, rows: pd.DataFrame) -> Line:
    return Line(metric, label, rows["images_seen"].to_numpy(np.int64), rows["value"].to_numpy())


def images_seen(panels: Iterable[Panel]) -> int:
    """Return the most images seen at which anything was logged."""
    return max(int(line.images_seen.max()) for panel in panels for line in panel.lines)


def is_log(lines: Iterable[Line]) -> bool:
    """Return whether the lines read better on a logarithmic axis: all values above 0, and the
    largest more than 100 times the smallest."""
    values = np.concatenate([line.value for line in lines])
    return bool(values.min() > 0 and values.max() > _LOG_SPAN * values.min())


def scores(panels: Iterable[Panel]) -> dict[int, list[tuple[str, float]]]:
    """Return the labels and values of the metrics that training measures seldom, by images seen.

    What is logged with every row describes the optimisation. What has at most half as many values
    as that is a score: it was measured on samples, and can be shown beside them.
    """
    lines = [line for panel in panels for line in panel.lines]
    most = max((len(line.value) for line in lines), default=0)
    found: dict[int, list[tuple[str, float]]] = {}
    for line in lines:
        if 2 * len(line.value) <= most:
            for seen, value in zip(line.images_seen.tolist(), line.value.tolist(), strict=True):
                found.setdefault(seen, []).append((line.label, value))
    return found


def thinned(line: Line, most: int) -> Line:
    """Return at most `most` points: the means of equal blocks, so that the course stays visible."""
    count = len(line.value)
    if count <= most:
        return line
    blocks = np.arange(count) * most // count
    sizes = np.bincount(blocks)
    seen = np.bincount(blocks, weights=line.images_seen) / sizes
    values = np.bincount(blocks, weights=line.value) / sizes
    return Line(line.metric, line.label, seen.astype(np.int64), values)
