"""Write several runs as one page: samples side by side, curves overlaid, parameters that differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.common.errors import PipelineError
from pipeline.report import facts, latents, plots, seeds, words
from pipeline.report.curves import Line, Panel
from pipeline.report.metrics import HIGHER_IS_BETTER, LOWER_IS_BETTER, MEASURE
from pipeline.report.page import GRID_BYTES, asset, environment
from pipeline.report.pictures import EmbeddedImage, embed_grid
from pipeline.report.run import Run

if TYPE_CHECKING:
    from markupsafe import Markup

SAMPLES, COLUMNS, SEED = 36, 6, 1
IMAGES_BYTES = 2_400_000  # of all runs together: with base64 and curves the page stays under 5 MB
# They make other runs of one setting.
_SEEDS = ("train.seed", "generate.seed")
SECTIONS = [
    ("samples", "Samples"),
    ("metrics", "Metrics"),
    ("curves", "Curves"),
    ("parameters", "Parameters"),
]


@dataclass(frozen=True)
class Entry:
    """One run of the page; a part that it does not have is None."""

    name: str
    samples: EmbeddedImage | None
    metrics: Mapping[str, Any] | None
    curves: tuple[Panel, ...] | None
    parameters: Mapping[str, Any] | None
    missing: tuple[str, ...] = ()


def entry_of_run(name: str, run: Run, parameters: Mapping[str, Any] | None, *, of: int) -> Entry:
    """Return the parts of a run that the page shows. `of` is the number of runs on the page."""
    needed = {"curves.csv", "metrics.json", "generator.pt"}
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
        array, caption = np.asarray(run.generated[:SAMPLES]), "the first generated images"
    samples = None if array is None else _grid(name, array, caption, of)
    return Entry(name, samples, run.metrics, run.curves, parameters, tuple(missing))


def entry_of_images(name: str, images: np.ndarray, *, of: int) -> Entry:
    """Return an entry of images alone, (N, side, side, channels) uint8, of a zip for example."""
    samples = _grid(name, images[:SAMPLES], f"the first of {len(images):,} images", of)
    return Entry(name, samples, None, None, None)


def _grid(name: str, array: np.ndarray, caption: str, of: int) -> EmbeddedImage:
    return embed_grid(
        array,
        COLUMNS,
        max_bytes=min(GRID_BYTES, IMAGES_BYTES // of),
        alt=f"Grid of {len(array)} generated images of {name}",
        caption=caption,
    )


def render(entries: Sequence[Entry]) -> str:
    """Return the page as HTML."""
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
        verdicts=list(_verdicts(entries)) if len(measures) == 1 else [],
        parameters=list(_parameter_rows(entries)),
        plots=_plots(entries),
    )  # fmt: skip


def _metric_rows(
    entries: Sequence[Entry], *, comparable: bool
) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Yield each metric with each run's value and whether that is the best of its row."""
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


def _verdicts(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield whether each setting is better than the first by more than seeds explain. A setting is
    what the parameters say apart from the seeds, so that runs of several seeds count as one."""
    settings: dict[tuple[tuple[str, str], ...], list[Entry]] = {}
    for entry in entries:
        if entry.metrics and entry.parameters and "mifid" in entry.metrics:
            settings.setdefault(_without_seeds(entry.parameters), []).append(entry)
    if len(settings) < 2:
        return
    first, *others = settings.values()
    for runs in others:
        scores = [[run.metrics["mifid"] for run in side] for side in (runs, first)]
        names = [", ".join(run.name for run in side) for side in (runs, first)]
        judged = seeds.judged("mifid", seeds.compare(scores[1], scores[0]))
        yield f"MiFID of {names[0]} against {names[1]}: {judged}"


def _without_seeds(parameters: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    flat = facts.flat_parameters(parameters)
    return tuple(item for item in flat.items() if item[0] not in _SEEDS)


def _cell(value: Any) -> str:
    """Return a metric as text; of a long text, such as a hash, only its start."""
    return f"{value[:12]}…" if isinstance(value, str) and len(value) > 32 else words.number(value)


def _parameter_rows(entries: Sequence[Entry]) -> Iterator[tuple[str, list[str]]]:
    """Yield the parameters that are not the same in all runs that have any."""
    flat = [facts.flat_parameters(entry.parameters or {}) for entry in entries]
    for key in dict.fromkeys(key for parameters in flat for key in parameters):
        values = [parameters.get(key, "–") for parameters in flat]
        if len({value for value, parameters in zip(values, flat, strict=True) if parameters}) > 1:
            yield key, values


def _plots(entries: Sequence[Entry]) -> "list[Markup]":
    """Return one plot for each metric that any run logged, with the runs that did."""
    from markupsafe import Markup

    lines: dict[str, dict[str, dict[str, Line]]] = {}  # panel -> label -> run -> line
    for entry in entries:
        for panel in entry.curves or ():
            for line in panel.lines:
                labels = lines.setdefault(panel.title, {})
                labels.setdefault(line.label, {})[entry.name] = line
    order = [entry.name for entry in entries]
    drawn = []
    for title, labels in lines.items():
        for label, runs in labels.items():
            full_title = f"{title}: {label}" if len(labels) > 1 else title
            name = f"curve{len(drawn)}"
            drawn.append(Markup(plots.overlay(name, runs, title=full_title, order=order)))
    return drawn
