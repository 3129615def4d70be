"""Plots for a page, each a function from figures to SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.svg import INK, MUTED, SERIES, figure

_MAX_POINTS = 400  # more would not show at this width


def _thin(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """At most _MAX_POINTS rows: means of equal blocks, so that no curve hides its course."""
    table = table[["images_seen", *columns]].apply(pd.to_numeric, errors="coerce")
    table = table.dropna(subset=list(columns), how="all")
    if len(table) <= _MAX_POINTS:
        return table
    blocks = np.arange(len(table)) * _MAX_POINTS // len(table)
    return table.groupby(blocks).mean()


def curves(
    name: str,
    history: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    title: str,
    y_label: str,
    log: bool = False,
    limits: tuple[float, float] | None = None,
    level: tuple[float, str] | None = None,
) -> str | None:
    """Columns of the history against images seen, as SVG; None where they hold no figure.

    Args:
        columns: column of the history -> its name in the legend.
        level: a horizontal line (value, name) to compare with.
    """
    present = [column for column in columns if column in history]
    table = _thin(history, present)
    if table.empty:
        return None
    last = ", ".join(
        f"{columns[column]} {table[column].dropna().iloc[-1]:.4g}"
        for column in present
        if table[column].notna().any()
    )
    seen = int(table["images_seen"].max())
    description = f"{title} against images seen. At {seen:,} images: {last}."
    with figure(name, description, 2.75) as (sheet, drawn):
        axes = _axes(sheet, title)
        for column, color in zip(present, SERIES, strict=False):
            points = table.dropna(subset=[column])
            marker = "o" if len(points) < 40 else None
            axes.plot(
                points["images_seen"],
                points[column],
                color=color,
                label=columns[column],
                marker=marker,
                markersize=3,
            )
        if level:
            axes.axhline(level[0], color=MUTED, linestyle=(0, (4, 3)), linewidth=1, label=level[1])
        if log:
            axes.set_yscale("log")
            _plain_log_ticks(axes.yaxis)
        if limits:
            axes.set_ylim(*limits)
        axes.set(xlabel="images seen", ylabel=y_label)
        _thousands(axes.xaxis)
        if len(present) > 1 or level:
            sheet.legend(ncols=3, loc="outside lower center")
    return drawn[0]


def overlay(
    name: str, runs: Mapping[str, pd.DataFrame], column: str, *, title: str, y_label: str
) -> str | None:
    """One column of several runs' histories against images seen, as SVG."""
    tables = {run: _thin(table, [column]) for run, table in runs.items() if column in table}
    tables = {run: table for run, table in tables.items() if not table.empty}
    if not tables:
        return None
    last = ", ".join(f"{run} {table[column].iloc[-1]:.4g}" for run, table in tables.items())
    order = list(runs)
    with figure(name, f"{title} against images seen, last: {last}.", 3.1) as (sheet, drawn):
        axes = _axes(sheet, title)
        for run, table in tables.items():
            place = order.index(run)  # a run keeps its colour from plot to plot
            axes.plot(
                table["images_seen"],
                table[column],
                label=run,
                color=SERIES[place % len(SERIES)],
                linestyle=("-", "--", ":")[place // len(SERIES) % 3],
                marker="o" if len(table) < 40 else None,
                markersize=3,
            )
        axes.set(xlabel="images seen", ylabel=y_label)
        _thousands(axes.xaxis)
        sheet.legend(loc="outside lower center", ncols=2)
    return drawn[0]


def scale(
    name: str,
    marks: Sequence[tuple[str, float]],
    *,
    band: tuple[str, float, float] | None = None,
    highlight: str | None = None,
    title: str,
    x_label: str,
) -> str:
    """Scores as rows on one logarithmic axis, the best at the top.

    Args:
        marks: (name, score) each a row with a dot.
        band: (name, low, high) a row with a bar.
        highlight: the mark that gets the first colour; the others are quiet.
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
        _plain_log_ticks(axes.xaxis)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=x_label)
    return drawn[0]


def bars(name: str, counts: Mapping[str, int], *, title: str, x_label: str) -> str:
    """Counts as horizontal bars, in the order given."""
    described = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    height = 0.9 + 0.2 * len(counts)
    with figure(name, f"{title}: {described}.", height) as (sheet, drawn):
        axes = _axes(sheet, title)
        labels = [label if len(label) <= 26 else label[:25] + "…" for label in counts]
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


def histogram(
    name: str, values: np.ndarray, *, title: str, x_label: str, limits: Sequence[float] = ()
) -> str | None:
    """How many boxes have which value; `limits` are drawn as dashed lines."""
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
    """The figure's one pair of axes, the title above at the left edge: long labels of a vertical
    axis would push a title that starts at the axes out of the picture."""
    sheet.suptitle(title, x=0.01, horizontalalignment="left", fontsize=10.5, fontweight="bold")
    return sheet.subplots()


def _thousands(axis: Any) -> None:
    """160k for 160,000: labels of full length would run into each other on a phone."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_major_formatter(EngFormatter(sep=""))


def _plain_log_ticks(axis: Any) -> None:
    """20 and 50, not 2×10¹, where a logarithmic axis spans little."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=12))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
