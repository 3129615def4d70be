"""The SVG that goes into pages: themed, named, and without clashes."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from pipeline.report import plots
from pipeline.report.curves import Line, Panel

SEEN = np.arange(1, 31) * 1000


def line(label: str, *values: float) -> Line:
    return Line(label, label, SEEN[: len(values)], np.array(values, dtype=float))


def panel(*lines: Line, title: str = "T & <t>", name: str = "p") -> str:
    return plots.panel(name, Panel(title, lines))


def every_plot() -> dict[str, str]:
    return {
        "panel": panel(line("a", *np.linspace(1, 2, 30)), line("b", *np.linspace(3, 1, 30))),
        "overlay": plots.overlay(
            "o", {"<run>": line("a", *range(30))}, title="t", order=["other", "<run>"]
        ),
        "scale": plots.scale(
            "s", [("<i>", 12.5), ("b", 31)], band=("c", 57, 187), title="t", x_label="x"
        ),
        "bars": plots.bars("b", {"<script>x</script>": 3, "$\\x$": 2}, title="t", x_label="x"),
        "paired_bars": plots.paired_bars(
            "q", {"<b>": (0.3, 0.25), "$x$": (0.7, 0.75)}, series=("data", "samples"), title="t",
            x_label="x",
        ),
        "histogram": plots.histogram(
            "h", np.arange(50), title="t", x_label="x", limits=(5.0,)
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return every_plot()


def test_each_is_one_well_formed_named_element(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        root = ET.fromstring(svg)
        assert root.tag.endswith("svg") and root.get("role") == "img"
        assert len(root.get("aria-label")) > 20
        assert root.get("width") is None and root.get("viewBox")
        assert not list(root.iter("{http://www.w3.org/2000/svg}style"))  # it would leak


def test_each_colour_is_a_variable_of_the_page(drawn: dict[str, str]) -> None:
    for name, svg in drawn.items():
        assert re.findall(r"(?:fill|stroke): *#[0-9a-fA-F]+", svg) == [], name
        assert "var(--ink)" in svg and "var(--muted)" in svg


def test_the_same_numbers_give_the_same_bytes(drawn: dict[str, str]) -> None:
    assert every_plot() == drawn


def test_no_id_is_in_two_plots_and_each_reference_is_met(drawn: dict[str, str]) -> None:
    seen: set[str] = set()
    for svg in drawn.values():
        ids = re.findall(r' id="([^"]*)"', svg)
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        for reference in re.findall(r'(?:url\(#|href="#)([^")]*)', svg):
            assert reference in ids


def test_names_are_text_never_markup_or_formulas(drawn: dict[str, str]) -> None:
    assert "<script" not in drawn["bars"] and "&lt;script&gt;" in drawn["bars"]
    assert "$\\x$" in drawn["bars"]


def texts(svg: str) -> list[str]:
    return [element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def strokes(svg: str) -> list[tuple[str, bool]]:
    """Return of each curve its colour and whether it is dashed: paths of many points."""
    return [
        (re.search(r"stroke: *([^;\"]+)", path)[1], "stroke-dasharray" in path)
        for path in re.findall(r"<path d=\"M[^\"]*L[^\"]*L[^\"]*\"[^>]*clip-path[^>]*>", svg)
    ]


def test_a_long_line_is_thinned() -> None:
    seen, values = np.arange(10_000), np.tile([0.0, 2.0], 5_000)
    assert len(panel(Line("a", "a", seen, values))) < 60_000


def test_every_line_of_a_panel_is_drawn_and_differs_from_the_others() -> None:
    svg = panel(*(line(f"line {n}", *np.linspace(n, n + 1, 50)[:30]) for n in range(8)))
    assert len(strokes(svg)) == len(set(strokes(svg))) == 8
    assert {f"line {n}" for n in range(8)} <= set(texts(svg))


def test_a_run_keeps_its_colour_where_another_lacks_the_metric() -> None:
    one, two = line("m", *range(30)), line("m", *range(1, 31))
    both = plots.overlay("o", {"one": one, "two": two}, title="t", order=["one", "two"])
    alone = plots.overlay("o", {"two": two}, title="t", order=["one", "two"])
    assert strokes(alone) == strokes(both)[1:]


def test_a_panel_that_spans_decades_has_a_logarithmic_axis() -> None:
    assert {"1", "10", "100", "1000"} <= set(texts(panel(line("a", *np.geomspace(1, 2000, 30)))))
    assert "10" not in texts(panel(line("a", *np.linspace(0, 2000, 30))))


def test_a_single_line_is_named_at_the_axis_unless_the_title_says_it() -> None:
    assert "KL" in texts(panel(line("KL", 1, 2), title="divergence (nats)"))
    assert texts(panel(line("KL", 1, 2), title="KL")).count("KL") == 1


def test_values_of_which_none_is_finite_give_no_histogram() -> None:
    assert plots.histogram("h", np.array([np.nan]), title="t", x_label="x") is None


def test_a_scale_lists_the_best_first() -> None:
    svg = plots.scale("s", [("winner", 31.1), ("best", 12.46)], title="t", x_label="x")
    assert texts(svg).index("best") < texts(svg).index("winner")
