"""The training curves: one row an interval, kept in the checkpoint, written as a whole CSV."""

import csv
import io
from pathlib import Path
from typing import Any

from pipeline.common import files

COLUMNS = (
    "images_seen",
    "seconds",
    "loss_d",
    "loss_g",
    "d_real",
    "d_fake",
    "grad_norm_d",
    "grad_norm_g",
    "images_per_s",
    "memory_mb",
    "fid",
    "mifid",
    "memorization_distance",
)


def row(**figures: float) -> dict[str, Any]:
    """A row with the given columns; the others are None (an empty cell)."""
    assert set(figures) <= set(COLUMNS)
    return {name: figures.get(name) for name in COLUMNS}


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The last row's losses and, where there are scores, the best and the last of them."""
    names = ("loss_d", "loss_g", "d_real", "d_fake")
    found = {name: round(rows[-1][name], 6) for name in names} if rows else {}
    scores = [row["mifid"] for row in rows if row["mifid"] is not None]
    if scores:
        found |= {"mifid_best": round(min(scores), 6), "mifid_last": round(scores[-1], 6)}
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the CSV: six significant digits, empty where nothing was measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in rows:
        writer.writerow([_cell(each[name]) for name in COLUMNS])
    files.write_text(path, text.getvalue())


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"
