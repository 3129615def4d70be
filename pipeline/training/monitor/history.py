"""The history of a run: a row each interval, kept in the checkpoint, written as two CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from pipeline.common import files
from pipeline.training.engine.objective import Metric

SPEED = Metric("images_per_s", "images/s", "speed (images/s)")
# What is measured of samples while training goes on (`monitor.evaluation`).
EVALUATION = (
    Metric("fid", "FID", "FID, MiFID"),
    Metric("mifid", "MiFID", "FID, MiFID"),
    Metric("memorization_distance", "d", "memorisation distance d"),
)


class History:
    """The rows so far of one run.

    Attributes:
        rows: one an interval, by the names of `columns`; None where nothing was measured.
        metrics: those of the objective, then those of every run.
    """

    def __init__(self, objective_metrics: tuple[Metric, ...]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._objective = objective_metrics
        self.metrics = (*objective_metrics, SPEED, *EVALUATION)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of outputs/history.csv."""
        measured = tuple(metric.name for metric in self._objective)
        scores = tuple(metric.name for metric in EVALUATION)
        return ("images_seen", "seconds", *measured, "images_per_s", "memory_mb", *scores)

    def row(self, **values: float) -> dict[str, Any]:
        """Return a row with the given values; the others are None (an empty cell)."""
        assert set(values) <= set(self.columns)
        return {name: values.get(name) for name in self.columns}

    def in_words(self, row: dict[str, Any]) -> str:
        """Return a row for the progress line: speed and the metrics of the summary."""
        panels: dict[str, list[str]] = {}
        for metric in self._objective:
            if metric.in_summary and row[metric.name] is not None:
                panel = metric.panel.partition(" (")[0]
                label = "" if metric.label == panel else f"{metric.label} "
                panels.setdefault(panel, []).append(f"{label}{row[metric.name]:.3g}")
        parts = [f"{panel} {', '.join(values)}" for panel, values in panels.items()]
        return ", ".join([f"{row['images_per_s']:.0f} images/s", *parts])

    def summary(self, rows: list[dict[str, Any]]) -> dict[str, float]:
        """Return the last row's summary and, where there are scores, the best and the last MiFID,
        each with the images seen by then and the memorisation distance d."""
        names = [metric.name for metric in self._objective if metric.in_summary]
        found = {name: round(rows[-1][name], 6) for name in names} if rows else {}
        scored = [row for row in rows if row["mifid"] is not None]
        if scored:
            best = min(scored, key=lambda row: row["mifid"])
            for name, row in (("mifid_best", best), ("mifid_last", scored[-1])):
                found |= {
                    name: round(row["mifid"], 6),
                    f"{name}_images": row["images_seen"],
                    f"{name}_d": round(row["memorization_distance"], 6),
                }
        return found

    def write(self, path: Path, rows: list[dict[str, Any]]) -> None:
        """Write outputs/history.csv: a column a metric, six significant digits, empty where nothing
        was measured."""
        table = [[_cell(row[name]) for name in self.columns] for row in rows]
        _write_csv(path, self.columns, table)

    def write_curves(self, path: Path, rows: list[dict[str, Any]]) -> None:
        """Write outputs/curves.csv: a row a value, with the chart and the line that it belongs to,
        in the order in which they were logged."""
        table = [
            [row["images_seen"], metric.panel, metric.name, metric.label, _cell(row[metric.name])]
            for row in rows
            for metric in self.metrics
            if row[metric.name] is not None
        ]
        _write_csv(path, ("images_seen", "panel", "metric", "label", "value"), table)


def _write_csv(path: Path, header: tuple[str, ...], table: list[list[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(table)
    files.write_text(path, text.getvalue())


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
