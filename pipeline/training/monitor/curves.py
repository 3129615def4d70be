"""The curves of a run as one picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress

if TYPE_CHECKING:
    from pipeline.training.engine.objective import Metric


def draw_curves(path: Path, metrics: tuple[Metric, ...], rows: list[dict[str, Any]]) -> None:
    """Write a PNG of the metrics that were measured against images seen: a chart for each panel."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        # Not promised inside a Kaggle kernel, where the images are what counts.
        progress.say(f"{path.name}: not drawn, matplotlib is not installed")
        return
    panels: dict[str, list[Metric]] = {}
    for metric in metrics:
        if any(row[metric.name] is not None for row in rows):
            panels.setdefault(metric.panel, []).append(metric)
    figure = Figure(figsize=(8, 2.2 * max(1, len(panels))), layout="constrained")
    charts = figure.subplots(max(1, len(panels)), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (panel, lines) in zip(charts, panels.items(), strict=False):
        for metric in lines:
            points = [
                (row["images_seen"], row[metric.name])
                for row in rows
                if row[metric.name] is not None
            ]
            marker = "." if len(points) < len(rows) else ""  # measured now and then
            axes.plot(*zip(*points, strict=True), label=metric.label, marker=marker)
        axes.set_ylabel(panel)
        axes.legend(loc="upper right", frameon=False)
        axes.grid(alpha=0.3)
    charts[-1].set_xlabel("images seen")
    target = io.BytesIO()
    # Without the version of matplotlib, which would change the bytes.
    figure.savefig(target, format="png", dpi=100, metadata={"Software": None})
    files.write_bytes(path, target.getvalue())
