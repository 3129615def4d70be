"""The index of the crops: one row for each box, for each photo and annotation without one."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.common import files
from pipeline.common.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class Row(NamedTuple):
    """One row.

    Attributes:
        file: the photo's name in its archive; for an annotation without a photo, its own.
        class_name: the photo's class, or ""; the column `class` of the file.
        object: number of the box in its annotation, from 0; None for a row without a box.
        xmin, ymin, xmax, ymax: the box as annotated; None where there is none.
        crop: row of the crop in `data/crops.npy`, or None.
        reason: why there is no crop, or "".
    """

    file: str
    class_name: str
    object: int | None
    xmin: float | None
    ymin: float | None
    xmax: float | None
    ymax: float | None
    crop: int | None
    reason: str


# `class` is no name for a field in Python.
COLUMNS = tuple("class" if name == "class_name" else name for name in Row._fields)
_TEXTS = ("file", "class", "reason")
_WHOLE_NUMBERS = ("object", "crop")


def write(path: Path, rows: list[Row]) -> None:
    """Write the rows in their order as CSV, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        # 75.0 as 75: annotated boxes are whole pixels, and the file is for reading.
        writer.writerow(f"{value:.10g}" if isinstance(value, float) else value for value in row)
    files.write_text(path, text.getvalue())


def read(path: Path) -> pd.DataFrame:
    """Return the index: texts as text (an empty one stays empty), `object` and `crop` as Int64 with
    <NA>, the box's edges as float64 with NaN.

    Raises:
        InputError: it is not there, or is no index.
    """
    import pandas as pd

    if not path.is_file():
        raise InputError(f"{path}: not there; run the crop stage first")
    types = {name: "float64" for name in COLUMNS}
    types |= dict.fromkeys(_TEXTS, "str") | dict.fromkeys(_WHOLE_NUMBERS, "Int64")
    empty = {name: [] if name in _TEXTS else [""] for name in COLUMNS}
    try:
        table = pd.read_csv(path, dtype=types, na_values=empty, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not an index of crops ({error})") from None
    if tuple(table.columns) != COLUMNS:
        raise InputError(f"{path}: its columns are not {', '.join(COLUMNS)}")
    return table
