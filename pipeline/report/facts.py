"""What a page's tables and figures hold, as plain text: taken from a run's files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report import words

MAX_REASONS = 40


@dataclass(frozen=True)
class Figure:
    """A number with its name, and what to know beside it."""

    name: str
    value: str
    note: str = ""


def score_figures(metrics: Mapping[str, Any]) -> list[Figure]:
    """The score's numbers, MiFID first, each with its floor where there is one."""

    def floor(key: str) -> str:
        value = metrics.get(key)
        return "" if value is None else f"floor {words.number(value)}: unseen real pictures"

    kind = "Kaggle's network" if words.is_official(metrics) else "proxy, not Kaggle's number"
    threshold = metrics.get("threshold")
    duplicates = metrics.get("duplicates")
    repeated = "" if duplicates is None else f"{words.number(duplicates)} repeat an earlier one"
    entries = [
        ("MiFID", "mifid", kind),
        ("FID", "fid", floor("floor_fid")),
        ("Memorisation distance d", "memorization_distance",
         floor("floor_memorization_distance")
         + ("" if threshold is None else f"; penalised below {words.number(threshold)}")),
        ("Images scored", "images", repeated),
        ("Precision", "precision", "share of generated pictures that look real"),
        ("Recall", "recall", "share of real pictures within reach"),
        ("Density", "density", "1: as dense as the real pictures"),
        ("Coverage", "coverage", "share of real pictures with a generated neighbour"),
    ]  # fmt: skip
    return [
        Figure(name, words.number(metrics[key]), note.removeprefix("; "))
        for name, key, note in entries
        if metrics.get(key) is not None
    ]


@dataclass(frozen=True)
class DataFacts:
    """The index in numbers."""

    figures: list[Figure]
    reasons: list[tuple[str, str, str]]  # reason, rows, share of all rows
    breeds: list[tuple[str, str, str]]  # breed, crops, dropped rows
    crops_by_breed: dict[str, int]  # the largest first


def data_facts(index: pd.DataFrame) -> DataFacts:
    """Count photos, crops, breeds and the reasons of what was dropped."""
    kept = index["crop"].notna()
    breed = index["breed"].fillna("(no breed)")
    crops = breed[kept].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    dropped = breed[~kept].value_counts()
    every = crops.reindex(crops.index.union(dropped.index, sort=False), fill_value=0)
    counts = index.loc[~kept, "reason"].fillna("(no reason noted)").value_counts()
    reasons = [(str(reason), int(count)) for reason, count in counts.items()]
    if rest := reasons[MAX_REASONS:]:
        total = sum(count for _, count in rest)
        reasons = [*reasons[:MAX_REASONS], (f"{len(rest)} other reasons", total)]
    photos = index["file"].nunique()
    several = int((index.loc[kept, "file"].value_counts() > 1).sum())
    return DataFacts(
        figures=[
            Figure("Photos", words.number(photos), "files named in the index"),
            Figure("Crops", words.number(int(kept.sum())),
                   f"{words.number(several)} photos gave more than one"),
            Figure("Dropped", words.number(int((~kept).sum())),
                   f"{(~kept).mean():.2%} of {len(index):,} rows"),
            Figure("Breeds", words.number(len(every)), "classes, by folder"),
        ],
        reasons=[(reason, f"{count:,}", f"{count / len(index):.2%}") for reason, count in reasons],
        breeds=[
            (str(name), f"{int(count):,}", f"{int(dropped.get(name, 0)):,}")
            for name, count in every.items()
        ],
        crops_by_breed={str(name): int(count) for name, count in crops.items()},
    )  # fmt: skip


def box_sides(index: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Of each box, its shorter side in pixels and its width / height."""
    boxes = index[["xmin", "ymin", "xmax", "ymax"]].apply(pd.to_numeric, errors="coerce").dropna()
    width = (boxes["xmax"] - boxes["xmin"]).to_numpy(dtype=float)
    height = (boxes["ymax"] - boxes["ymin"]).to_numpy(dtype=float)
    whole = (width > 0) & (height > 0)
    return np.minimum(width, height)[whole], width[whole] / height[whole]


def parameter_rows(parameters: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every parameter by section; what stands in no section comes first, as “general”."""
    general = [(key, _plain(value)) for key, value in parameters.items() if not _nested(value)]
    sections = [
        (name, [(key, _plain(value)) for key, value in section.items()])
        for name, section in parameters.items()
        if _nested(section)
    ]
    return ([("general", general)] if general else []) + sections


def table_rows(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A flat JSON object as names and figures."""
    return [(key, words.number(value)) for key, value in content.items()]


def stage_times(logs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Stage, time taken, time of its end, in the order in which they ended."""
    ordered = sorted(logs.items(), key=lambda entry: str(entry[1].get("finished", "")))
    return [
        (
            stage,
            words.duration(log["seconds"]),
            str(log.get("finished", "")).replace("T", " ").replace("+00:00", " UTC"),
        )
        for stage, log in ordered
    ]


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping)


def _plain(value: Any) -> str:
    """A parameter as params.yaml would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items()) or "{}"
    return str(value)
