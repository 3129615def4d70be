"""Plots of a page, each a function from numbers to SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.report.curves import Line, Panel, images_seen, is_log, thinned
from pipeline.report.svg import INK, MUTED, SERIES, figure

_MOST_POINTS = 400  # more would not show at this width
_DASHES = ("-", "--", ":")


@dataclass(frozen=True)
class _Drawn:
    """A line as a plot shows it; its place gives colour and dash."""

    place: int
    label: str
    line: Line


def panel(name: str, shown: Panel) -> str:
    """Return one panel of the training curves, its lines against images seen, as SVG."""
    last = ", ".join(f"{line.label} {line.value[-1]:.4g}" for line in shown.lines)
    description = f"{shown.title} against images seen. At {images_seen([shown]):,} images: {last}."
    drawn = [_Drawn(place, line.label, line) for place, line in enumerate(shown.lines)]
    return _against_images_seen(name, drawn, shown.title, description, legend=len(drawn) > 1)


def overlay(name: str, runs: Mapping[str, Line], *, title: str, order: Sequence[str]) -> str:
    """Return the lines of several runs, by run, against images seen, as SVG.

    `order` names all runs of the page: a run keeps its colour from plot to plot.
    """
    last = ", ".join(f"{run} {line.value[-1]:.4g}" for run, line in runs.items())
    description = f"{title} against images seen, last: {last}."
    drawn = [_Drawn(order.index(run), run, line) for run, line in runs.items()]
    return _against_images_seen(name, drawn, title, description, legend=True)


def _against_images_seen(
    name: str, lines: Sequence[_Drawn], title: str, description: str, *, legend: bool
) -> str:
    """Return the lines as SVG, on a logarithmic axis where that reads better; without a legend the
    label of the first stands at the vertical axis."""
    thin = [thinned(drawn.line, _MOST_POINTS) for drawn in lines]
    with figure(name, description, 2.75) as (sheet, svg):
        axes = _axes(sheet, title)
        for drawn, line in zip(lines, thin, strict=True):
            axes.plot(
                line.images_seen,
                line.value,
                label=drawn.label,
                color=SERIES[drawn.place % len(SERIES)],
                linestyle=_DASHES[drawn.place // len(SERIES) % len(_DASHES)],
                marker="o" if len(line.value) < 40 else None,
                markersize=3,
            )
        if is_log(thin):
            axes.set_yscale("log")
            values = np.concatenate([line.value for line in thin])
            _plain_log_ticks(axes.yaxis, values.max() / values.min())
        axes.set(xlabel="images seen")
        _thousands(axes.xaxis)
        if legend:
            sheet.legend(ncols=3, loc="outside lower center")
        elif lines[0].label not in title:
            axes.set(ylabel=lines[0].label)
    return svg[0]


def scale(
    name: str,
    marks: Sequence[tuple[str, float]],
    *,
    band: tuple[str, float, float] | None = None,
    highlight: str | None = None,
    title: str,
    x_label: str,
) -> str:
    """Return scores as rows on one logarithmic axis, the best at the top, as SVG.

    Args:
        marks: (name, score) each a row with a dot.
        band: (name, low, high) a row with a bar.
        highlight: the mark that gets the first colour; the others are grey.
    """
    rows = sorted([(score, label, None) for label, score in marks])
    if band:
        rows.append((band[1], band[0], band[2]))
    described = ", ".join(
        f"{label} {low:.4g}" + (f" to {high:.4g}" if high else "") for low, label, high in rows
    )
    height = 0.95 + 0.34 * len(rows)
    with figure(name, f"{title}, lower is better: {described}.", height) as (sheet, drawn):
        axes = _axes(sheet, title)
        for row, (low, label, high) in enumerate(rows):
            color = SERIES[0] if label == highlight else MUTED
            if high:
                axes.plot([low, high], [row, row], color=color, linewidth=7, solid_capstyle="butt")
                axes.annotate(
                    f"{low:.4g} to {high:.4g}",
                    (low, row),
                    xytext=(-6, 0),
                    textcoords="offset points",
                    va="center",
                    ha="right",
                    fontsize=9,
                )
            else:
                axes.plot([low], [row], "o", color=color, markersize=8)
                axes.annotate(
                    f"{low:.4g}",
                    (low, row),
                    xytext=(8, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=9,
                )
        axes.set_yticks(range(len(rows)), [label for _, label, _ in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.invert_yaxis()
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xscale("log")
        lowest, highest = min(row[0] for row in rows), max(row[2] or row[0] for row in rows)
        axes.set_xlim(lowest / 1.6, highest * 2.2)
        _plain_log_ticks(axes.xaxis, highest / lowest)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=x_label)
    return drawn[0]


def bars(name: str, counts: Mapping[str, int], *, title: str, x_label: str) -> str:
    """Return counts as horizontal bars, in the order given, as SVG."""
    described = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    height = 0.9 + 0.2 * len(counts)
    with figure(name, f"{title}: {described}.", height) as (sheet, drawn):
        axes = _axes(sheet, title)
        labels = [_shortened(label) for label in counts]
        rows = range(len(labels))
        axes.barh(rows, list(counts.values()), color=SERIES[0], height=0.72)
        axes.set_yticks(rows, labels)
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9)
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=x_label)
        _thousands(axes.xaxis)
    return drawn[0]


def paired_bars(
    name: str,
    values: Mapping[str, tuple[float, float]],
    *,
    series: tuple[str, str],
    title: str,
    x_label: str,
) -> str:
    """Return two numbers a row as horizontal bars, one above the other, in the order given, as
    SVG; `series` are the legend's words for them."""
    described = ", ".join(
        f"{label} {first:.3g} and {second:.3g}" for label, (first, second) in values.items()
    )
    description = f"{title}, {series[0]} and {series[1]}: {described}."
    with figure(name, description, 1.2 + 0.26 * len(values)) as (sheet, drawn):
        axes = _axes(sheet, title)
        rows = np.arange(len(values))
        for place, label in enumerate(series):
            axes.barh(
                rows + 0.2 * (2 * place - 1),
                [pair[place] for pair in values.values()],
                color=SERIES[place],
                height=0.38,
                label=label,
            )
        axes.set_yticks(rows, [_shortened(label) for label in values])
        axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9)
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=x_label)
        sheet.legend(ncols=2, loc="outside lower center")
    return drawn[0]


def _shortened(label: str) -> str:
    return label if len(label) <= 26 else label[:25] + "…"


def histogram(
    name: str, values: np.ndarray, *, title: str, x_label: str, limits: Sequence[float] = ()
) -> str | None:
    """Return a histogram of the boxes' values (n,) as SVG, `limits` as dashed lines, or None where
    no value is finite."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, middle, high = np.percentile(values, (5, 50, 95))
    description = (
        f"{title}: {len(values):,} values, median {middle:.3g}, nine in ten between {low:.3g} and "
        f"{high:.3g}."
    )
    # The longest hundredth would press all others into the first bars.
    shown = values[values <= max(np.percentile(values, 99), *limits, low)]
    with figure(name, description, 2.4) as (sheet, drawn):
        axes = _axes(sheet, title)
        axes.hist(shown, bins=30, color=SERIES[0])
        for limit in limits:
            axes.axvline(limit, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        axes.set(xlabel=x_label, ylabel="boxes")
        axes.grid(axis="x", visible=False)
        _thousands(axes.yaxis)
    return drawn[0]


def _axes(sheet: Any, title: str) -> Any:
    """Return the figure's one pair of axes. The title starts at the left edge: long labels of a
    vertical axis would push one that starts at the axes out of the figure."""
    sheet.suptitle(title, x=0.01, horizontalalignment="left", fontsize=10.5, fontweight="bold")
    return sheet.subplots()


def _thousands(axis: Any) -> None:
    """Write 160k for 160,000: labels of full length would overlap on a phone."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(EngFormatter(sep=""))


def _plain_log_ticks(axis: Any, span: float) -> None:
    """Write 20 and 50, not 2×10¹, and only powers of ten where the values span more than a factor
    of 1000."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if span <= 1000 else (1,), numticks=12))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
