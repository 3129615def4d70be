"""Writes several runs as one page: pictures side by side, curves overlaid, what differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.common.errors import PipelineError
from pipeline.report import facts, latents, plots, words
from pipeline.report.page import GRID_BYTES, asset, environment
from pipeline.report.pictures import Picture, embed_grid
from pipeline.report.run import Run

SAMPLES, COLUMNS, SEED = 36, 6, 1
PICTURES_BYTES = 2_400_000  # of all runs together: with base64 and curves the page stays under 5 MB
# The metrics that say whether two scores may stand beside each other at all.
MEASURE = ("extractor", "extractor_sha256", "extractor_precision", "reference", "reference_images")
LOWER_IS_BETTER = {"mifid", "fid", "duplicates", "duplicates_share"}
HIGHER_IS_BETTER = {"precision", "recall", "density", "coverage"}
CURVES = (
    ("mifid", "MiFID while training", "lower is better"),
    ("loss_d", "Loss of D", "loss"),
    ("loss_g", "Loss of G", "loss"),
    ("d_real", "D(x)", "mean probability “real”"),
    ("d_fake", "D(G(z))", "mean probability “real”"),
)
SECTIONS = [
    ("samples", "Samples"),
    ("metrics", "Metrics"),
    ("curves", "Curves"),
    ("parameters", "Parameters"),
]


@dataclass(frozen=True)
class Entry:
    """One run of the page; what it does not have is None."""

    name: str
    samples: Picture | None
    metrics: Mapping[str, Any] | None
    history: pd.DataFrame | None
    parameters: Mapping[str, Any] | None
    missing: tuple[str, ...] = ()


def entry_of_run(name: str, run: Run, parameters: Mapping[str, Any] | None, *, of: int) -> Entry:
    """Take from a run what the page shows. `of` is the number of runs that share the page."""
    needed = {"history.csv", "metrics.json", "generator.pt"}
    missing = [
        f"{item.file} {item.why}"
        for item in run.missing
        if item.file.removeprefix("outputs/") in needed
    ]
    if parameters is None:
        missing.append("params.yaml is not there")
    array, caption = None, ""
    if run.has_generator:
        try:
            array = latents.samples(run.paths.generator, count=SAMPLES, seed=SEED)
            caption = f"latents 0 to {SAMPLES - 1} of seed {SEED}"
        except PipelineError as error:
            missing.append(str(error))
    if array is None and run.generated is not None:
        array, caption = np.asarray(run.generated[:SAMPLES]), "the first generated pictures"
    samples = None if array is None else _grid(name, array, caption, of)
    return Entry(name, samples, run.metrics, run.history, parameters, tuple(missing))


def entry_of_pictures(name: str, images: np.ndarray, *, of: int) -> Entry:
    """Pictures alone, (N, side, side, 3) uint8: somebody's zip."""
    samples = _grid(name, images[:SAMPLES], f"the first of {len(images):,} pictures", of)
    return Entry(name, samples, None, None, None)


def _grid(name: str, array: np.ndarray, caption: str, of: int) -> Picture:
    return embed_grid(
        array,
        COLUMNS,
        max_bytes=min(GRID_BYTES, PICTURES_BYTES // of),
        alt=f"Grid of {len(array)} generated pictures of {name}",
        caption=caption,
    )


def render(entries: Sequence[Entry]) -> str:
    """The page as HTML."""
    scored = [entry.metrics for entry in entries if entry.metrics]
    measures = {tuple(metrics.get(key) for key in MEASURE) for metrics in scored}
    return environment().get_template("compare.html.j2").render(
        title=f"{len(entries)} runs side by side",
        subtitle=", ".join(entry.name for entry in entries),
        sections=SECTIONS,
        style=asset("style.css"),
        entries=entries,
        measures_differ=len(measures) > 1,
        network=words.network(scored[0]) if scored else None,
        metrics=list(_metric_rows(entries, comparable=len(measures) == 1)),
        parameters=list(_parameter_rows(entries)),
        plots=_plots(entries),
    )  # fmt: skip


def _metric_rows(
    entries: Sequence[Entry], *, comparable: bool
) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Each metric with, a run at a time, its figure and whether it is the best of its row."""
    keys = dict.fromkeys(key for entry in entries for key in entry.metrics or {})
    for key in keys:
        values = [(entry.metrics or {}).get(key) for entry in entries]
        known = [value for value in values if isinstance(value, int | float)]
        best = None
        if comparable and len(set(known)) > 1:
            if key in LOWER_IS_BETTER:
                best = min(known)
            elif key in HIGHER_IS_BETTER:
                best = max(known)
        yield key, [(_cell(value), best is not None and value == best) for value in values]


def _cell(value: Any) -> str:
    """A metric's figure; of a long text, a hash say, its start, which tells two apart."""
    return f"{value[:12]}…" if isinstance(value, str) and len(value) > 32 else words.number(value)


def _parameter_rows(entries: Sequence[Entry]) -> Iterator[tuple[str, list[str]]]:
    """The parameters that are not the same in all runs that have any."""
    flat = [
        {
            f"{section}.{key}": value
            for section, rows in facts.parameter_rows(entry.parameters or {})
            for key, value in rows
        }
        for entry in entries
    ]
    for key in dict.fromkeys(key for parameters in flat for key in parameters):
        values = [parameters.get(key, "–") for parameters in flat]
        if len({value for value, parameters in zip(values, flat, strict=True) if parameters}) > 1:
            yield key, values


def _plots(entries: Sequence[Entry]) -> list[Any]:
    from markupsafe import Markup

    histories = {entry.name: entry.history for entry in entries if entry.history is not None}
    drawn = [
        plots.overlay(column, histories, column, title=title, y_label=y_label)
        for column, title, y_label in CURVES
    ]
    return [Markup(svg) for svg in drawn if svg]
