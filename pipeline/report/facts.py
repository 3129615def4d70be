"""Take the tables and numbers of a page from a run's files, as plain text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report import words

MAX_REASONS = 40
_CLASS_SHARE = "class_share_"  # of metrics.json, before a class's name


@dataclass(frozen=True)
class Number:
    """A number as text, with its name and a note."""

    name: str
    value: str
    note: str = ""


def score_numbers(metrics: Mapping[str, Any]) -> list[Number]:
    """Return the score's numbers, MiFID first, each with what unseen real images get, if known."""
    kind = "Kaggle's network" if words.is_official(metrics) else "proxy, not Kaggle's number"
    duplicates = metrics.get("duplicates")
    threshold = metrics.get("threshold")
    penalty = "" if threshold is None else f"penalised below {words.number(threshold)}"
    unseen_distance = _unseen(metrics.get("floor_memorization_distance"))
    entries = [
        ("MiFID", "mifid", "; ".join(filter(None, (
            kind, _other_latents(metrics.get("mifid_deviation")))))),
        ("FID", "fid", "; ".join(filter(None, (
            _unseen(metrics.get("floor_fid")), _other_latents(metrics.get("fid_deviation")))))),
        ("KID", "kid", _unseen(metrics.get("floor_kid"))),
        ("Memorisation distance d", "memorization_distance",
         "; ".join(filter(None, (unseen_distance, penalty)))),
        ("d, mirrored", "memorization_distance_flips", "to the nearest mirrored training image"),
        ("d, parts", "memorization_distance_parts",
         "to the nearest corner or middle of a training image"),
        ("Images scored", "images",
         "" if duplicates is None else f"{words.number(duplicates)} repeat an earlier one"),
        ("Precision", "precision", "share of samples that look real"),
        ("Recall", "recall", "share of real images that samples resemble"),
        ("Density", "density", "1: as dense as the real images"),
        ("Coverage", "coverage", "share of real images with a sample near them"),
        ("Classes’ χ²", "class_chi2", "; ".join(filter(None, (
            _unseen(metrics.get("floor_class_chi2")), _chance(metrics.get("class_p")))))),
        ("Class asked for", "class_accuracy",
         f"share of samples; {_unseen(metrics.get('floor_class_accuracy'))}"),
        ("Classification accuracy", "classification_accuracy",
         _unseen(metrics.get("floor_classification_accuracy"))),
    ]  # fmt: skip
    return [
        Number(name, words.number(metrics[key]), note)
        for name, key, note in entries
        if metrics.get(key) is not None
    ]


def class_shares(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of each class among the samples, by its name; empty where no classifier told
    them."""
    return {
        key.removeprefix(_CLASS_SHARE): float(value)
        for key, value in metrics.items()
        if key.startswith(_CLASS_SHARE) and isinstance(value, int | float)
    }


def _unseen(value: Any) -> str:
    return "" if value is None else f"unseen real images get {words.number(value)}"


def _other_latents(value: Any) -> str:
    return "" if value is None else f"± {words.number(value)} by other latents"


def _chance(value: Any) -> str:
    return "" if value is None else f"p {words.number(value)}"


@dataclass(frozen=True)
class DataFacts:
    """The index in numbers."""

    numbers: list[Number]
    reasons: list[tuple[str, str, str]]  # reason, rows, share of all rows
    classes: list[tuple[str, str, str]]  # class, crops, dropped rows
    crops_by_class: dict[str, int]  # the largest first


def data_facts(index: pd.DataFrame) -> DataFacts:
    """Count photos, crops, classes and the reasons of what was dropped."""
    kept = index["crop"].notna()
    label = index["class"].fillna("(no class)")
    crops = label[kept].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    dropped = label[~kept].value_counts()
    every = crops.reindex(crops.index.union(dropped.index, sort=False), fill_value=0)
    counts = index.loc[~kept, "reason"].fillna("(no reason noted)").value_counts()
    reasons = [(str(reason), int(count)) for reason, count in counts.items()]
    if rest := reasons[MAX_REASONS:]:
        total = sum(count for _, count in rest)
        reasons = [*reasons[:MAX_REASONS], (f"{len(rest)} other reasons", total)]
    photos = index["file"].nunique()
    several = int((index.loc[kept, "file"].value_counts() > 1).sum())
    return DataFacts(
        numbers=[
            Number("Photos", words.number(photos), "files named in the index"),
            Number("Crops", words.number(int(kept.sum())),
                   f"{words.number(several)} photos gave more than one"),
            Number("Dropped", words.number(int((~kept).sum())),
                   f"{(~kept).mean():.2%} of {len(index):,} rows"),
            Number("Classes", words.number(len(every)), "labels of the photos"),
        ],
        reasons=[(reason, f"{count:,}", f"{count / len(index):.2%}") for reason, count in reasons],
        classes=[
            (str(name), f"{int(count):,}", f"{int(dropped.get(name, 0)):,}")
            for name, count in every.items()
        ],
        crops_by_class={str(name): int(count) for name, count in crops.items()},
    )  # fmt: skip


def box_sides(index: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each box's shorter side in pixels and its width / height, both float64 (n,)."""
    boxes = index[["xmin", "ymin", "xmax", "ymax"]].apply(pd.to_numeric, errors="coerce").dropna()
    width = (boxes["xmax"] - boxes["xmin"]).to_numpy(dtype=float)
    height = (boxes["ymax"] - boxes["ymin"]).to_numpy(dtype=float)
    whole = (width > 0) & (height > 0)
    return np.minimum(width, height)[whole], width[whole] / height[whole]


@dataclass(frozen=True)
class Group:
    """The parameters of a section or of one of its sub-sections (`name` is then not empty)."""

    name: str
    rows: list[tuple[str, str]]  # key, value as params.yaml writes it


def parameter_sections(parameters: Mapping[str, Any]) -> list[tuple[str, list[Group]]]:
    """Return every parameter by section and sub-section; those in no section come first, as
    “general”."""
    general = {key: value for key, value in parameters.items() if not _is_section(value)}
    sections = [("general", list(_groups(general)))] if general else []
    for name, value in parameters.items():
        if _is_section(value):
            sections.append((name, list(_groups(value))))
    return sections


def flat_parameters(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return every parameter by its full name, `section.sub_section.key`."""
    return {
        ".".join(filter(None, (group.name, key))): value
        for group in _groups(parameters)
        for key, value in group.rows
    }


def _groups(section: Mapping[str, Any], name: str = "") -> Iterator[Group]:
    """Yield a section's own parameters, then each sub-section's, whose names are joined by dots."""
    rows = [(key, _plain(value)) for key, value in section.items() if not _is_section(value)]
    if rows:
        yield Group(name, rows)
    for key, value in section.items():
        if _is_section(value):
            yield from _groups(value, f"{name}.{key}" if name else key)


def _is_section(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) > 0


def table_rows(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a flat JSON object as names and texts."""
    return [(key, words.number(value)) for key, value in content.items()]


def stage_times(logs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return stage, time taken and time of its end, in the order in which the stages ended."""
    ordered = sorted(logs.items(), key=lambda entry: str(entry[1].get("finished", "")))
    return [
        (
            stage,
            words.duration(log["seconds"]),
            str(log.get("finished", "")).replace("T", " ").replace("+00:00", " UTC"),
        )
        for stage, log in ordered
    ]


def _plain(value: Any) -> str:
    """Return a parameter as params.yaml would write it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return "{}" if isinstance(value, Mapping) else str(value)
