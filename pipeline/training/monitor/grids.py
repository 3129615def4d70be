"""What one looks at while training goes on: grids of samples, and the curves."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.common import files, progress

GRID_SIDE = 8  # a grid shows 8 x 8 pictures


def grid_png(images: np.ndarray, columns: int) -> bytes:
    """A PNG of pictures side by side, row by row: uint8 (N, side, side, 3), N a multiple."""
    count, height, width, _ = images.shape
    rows = count // columns
    sheet = images.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, 3)
    target = io.BytesIO()
    Image.fromarray(sheet).save(target, "PNG")
    return target.getvalue()


def draw_curves(history: list[dict[str, Any]], path: Path) -> None:
    """Plot losses, D's answers, gradient norms and (where scored) MiFID against images seen."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        # Not promised inside a Kaggle kernel, where the images are what counts.
        progress.say(f"{path.name}: not drawn, matplotlib is not installed")
        return
    panels = [
        ("loss", ("loss_d", "loss_g")),
        ("D's answer", ("d_real", "d_fake")),
        ("gradient norm", ("grad_norm_d", "grad_norm_g")),
    ]
    if any(row["mifid"] is not None for row in history):
        panels.append(("MiFID", ("mifid",)))
    figure = Figure(figsize=(8, 2.2 * len(panels)), layout="constrained")
    for axes, (title, names) in zip(
        figure.subplots(len(panels), 1, sharex=True), panels, strict=True
    ):
        for name in names:
            points = [(row["images_seen"], row[name]) for row in history if row[name] is not None]
            axes.plot(*zip(*points, strict=True), label=name, marker="." if name == "mifid" else "")
        axes.set_ylabel(title)
        axes.legend(loc="upper right", frameon=False)
        axes.grid(alpha=0.3)
    axes.set_xlabel("images seen")
    target = io.BytesIO()
    # Without the version of matplotlib, which would change the bytes.
    figure.savefig(target, format="png", dpi=100, metadata={"Software": None})
    files.write_bytes(path, target.getvalue())
