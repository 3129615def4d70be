"""The SVG that goes into pages: themed, named, and without clashes."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from pipeline.report import plots

SEEN = np.arange(1, 31) * 1000


def curve(name: str = "losses", **columns: np.ndarray) -> str | None:
    history = pd.DataFrame({"images_seen": SEEN, **columns})
    return plots.curves(name, history, dict(zip(columns, columns, strict=True)), title="T & <t>",
                        y_label="loss")  # fmt: skip


def every_plot() -> dict[str, str]:
    return {
        "curves": curve(a=np.linspace(1, 2, 30), b=np.linspace(3, 1, 30)),
        "overlay": plots.overlay(
            "o", {"<run>": pd.DataFrame({"images_seen": SEEN, "a": SEEN})}, "a", title="t",
            y_label="y",
        ),
        "scale": plots.scale(
            "s", [("<i>", 12.5), ("b", 31)], band=("c", 57, 187), title="t", x_label="x"
        ),
        "bars": plots.bars("b", {"<script>x</script>": 3, "$\\x$": 2}, title="t", x_label="x"),
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


def test_the_same_figures_give_the_same_bytes(drawn: dict[str, str]) -> None:
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


def test_a_long_history_is_thinned_to_means() -> None:
    history = pd.DataFrame({"images_seen": np.arange(10_000), "a": np.tile([0.0, 2.0], 5_000)})
    svg = plots.curves("x", history, {"a": "a"}, title="t", y_label="y")
    assert len(svg) < 60_000
    # Blocks of 25 alternate 12 and 13 twos: all means lie within 0.04 of 1.
    assert "a 1.04" in svg or "a 0.96" in svg


def test_columns_without_figures_are_left_out() -> None:
    empty = np.full(30, np.nan)
    assert curve(a=empty) is None
    assert plots.curves("x", pd.DataFrame({"images_seen": SEEN}), {"a": "a"}, title="t",
                        y_label="y") is None  # fmt: skip
    assert plots.overlay("o", {"r": pd.DataFrame({"images_seen": SEEN})}, "a", title="t",
                         y_label="y") is None  # fmt: skip
    assert plots.histogram("h", np.array([np.nan]), title="t", x_label="x") is None


def test_a_scale_lists_the_best_first() -> None:
    svg = plots.scale("s", [("winner", 31.1), ("best", 12.46)], title="t", x_label="x")
    texts = [element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]
    assert texts.index("best") < texts.index("winner")
