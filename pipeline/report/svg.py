"""Draw matplotlib figures as inline SVG whose colours are variables of the page's style sheet."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

# matplotlib draws in these colours; each is then replaced by a variable of the page's style sheet,
# so that one drawing serves light and dark. All differ, and no plot uses any of them for itself.
INK, MUTED, GRID = "#010101", "#010102", "#010103"
SERIES = ("#020101", "#020102", "#020103", "#020104", "#020105", "#020106")
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {
    color: f"--series-{number}" for number, color in enumerate(SERIES, start=1)
}

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and selected
    "text.parse_math": False,  # a class called "$x$" is its name, no formula
    "font.size": 10,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.7,
    "figure.constrained_layout.use": True,
}

WIDTH_IN = 4.7  # 338 units of the SVG's view box: about a phone's width in CSS pixels


@contextmanager
def figure(name: str, description: str, height_in: float) -> Iterator[tuple[Any, list[str]]]:
    """Yield a matplotlib figure to draw on, and a list that receives its SVG at the end.

    Args:
        name: unlike that of any other figure of the page: it keeps their ids apart.
        description: what the figure shows, for those who cannot see it.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn: list[str] = []
    with rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        FigureCanvasSVG(figure)
        yield figure, drawn
        buffer = io.StringIO()
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
        drawn.append(_inline(buffer.getvalue(), description))


def _inline(svg: str, description: str) -> str:
    """Return matplotlib's file as an element of a page: scaled by its container, described, without
    ids that another plot has too."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, count=1, flags=re.S)  # it would style the page
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
    used = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg
