"""DVC's plot of the training curves: a chart for each panel, whatever the metrics are called."""

import json
from collections.abc import Iterator

import pytest

from pipeline.report import vega
from tests.conftest import REPOSITORY

TEMPLATES = REPOSITORY / ".dvc" / "plots"
REVISIONS = ("main", "workspace")
STEPS = 6


def rows() -> list[dict[str, str]]:
    """Return what DVC reads of two runs of an invented family, all values as text."""
    found = []
    for place, revision in enumerate(REVISIONS):
        for step in range(1, STEPS + 1):
            logged = [
                ("elbo (nats)", "elbo", "bound", 1000.0 * step + 50 * place),
                ("elbo (nats)", "reconstruction", "rec.", 500.0 * step),
                ("KL[q|p]", "kl", "KL", 0.001 * step + 0.0001 * place),
            ]
            if step == STEPS:
                logged.append(("score", "once", "S", 3.0))
            for panel, metric, label, value in logged:
                found.append({
                    "images_seen": str(1000 * step), "panel": panel, "metric": metric,
                    "label": label, "value": str(value), "rev": revision,
                })  # fmt: skip
    return found


def specification() -> dict:
    """Return the template filled in by DVC's own renderer."""
    from dvc_render.vega import VegaRenderer

    renderer = VegaRenderer(
        rows(), "curves", x="images_seen", y="value", template="curves", title="Training curves",
        template_dir=str(TEMPLATES), revs_with_datapoints=list(REVISIONS),
    )  # fmt: skip
    return json.loads(renderer.partial_html())


def panels(specification: dict) -> list[dict]:
    """Draw it and return the charts, each a group of marks, in their order on the sheet."""
    import vl_convert

    scene = vl_convert.vegalite_to_scenegraph(specification, vl_version=vega.vegalite_version())
    found: list[dict] = []

    def visit(node: dict) -> None:
        if node.get("marktype") == "group" and node.get("name") == "cell":
            found.extend(node["items"])
        for item in node.get("items", []):
            visit(item)

    visit(scene["scenegraph"])
    return found


def items(node: dict, mark: str, role: str = "mark") -> Iterator[dict]:
    """Yield the drawn items of one kind of mark below a node."""
    for child in node.get("items", []):
        if child.get("marktype") == mark and child.get("role") == role:
            yield from child["items"]
        else:
            yield from items(child, mark, role)


def lines_of(node: dict) -> Iterator[list[dict]]:
    """Yield the points of each line below a node."""
    for child in node.get("items", []):
        if child.get("marktype") == "line" and child.get("role") == "mark":
            yield child["items"]
        else:
            yield from lines_of(child)


def dash(line: list[dict]) -> tuple[float, ...]:
    return tuple(line[0].get("strokeDash", ()))


def span(panel: dict) -> float:
    """Return the height in pixels that the panel's points take."""
    heights = [point["y"] for point in items(panel, "symbol")]
    return max(heights) - min(heights)


@pytest.fixture(scope="module")
def drawn() -> list[dict]:
    return panels(specification())


def test_each_panel_is_a_chart_in_the_order_in_which_it_was_logged(drawn: list[dict]) -> None:
    titles = [text["text"] for panel in drawn for text in items(panel, "text", role="title-text")]
    assert titles == ["elbo (nats)", "KL[q|p]", "score"]


def test_a_line_is_one_metric_of_one_revision(drawn: list[dict]) -> None:
    lines = [list(lines_of(panel)) for panel in drawn]
    assert [len(each) for each in lines] == [4, 2, 2]
    assert {len(line) for each in lines[:2] for line in each} == {STEPS}


def test_colour_tells_the_revision_and_dash_the_label(drawn: list[dict]) -> None:
    styles = [(line[0]["stroke"], dash(line)) for line in lines_of(drawn[0])]
    colours, dashes = {colour for colour, _ in styles}, {dash for _, dash in styles}
    assert len(colours) == len(REVISIONS) and len(dashes) == 2
    assert sorted(styles) == sorted((colour, dash) for colour in colours for dash in dashes)
    others = {line[0]["stroke"] for panel in drawn[1:] for line in lines_of(panel)}
    assert others == colours  # a revision keeps its colour from chart to chart


def test_each_panel_has_a_scale_of_its_own(drawn: list[dict]) -> None:
    # The values of the first are a million times those of the second; both fill their chart.
    assert span(drawn[0]) > 120 and span(drawn[1]) > 120
    shared = specification()
    del shared["resolve"]["scale"]["y"]
    assert span(panels(shared)[1]) < 1  # the known-bad way


def test_a_value_that_was_logged_once_is_a_point(drawn: list[dict]) -> None:
    assert len(list(items(drawn[2], "symbol"))) == len(REVISIONS)


def test_images_seen_has_one_scale_in_all_panels(drawn: list[dict]) -> None:
    once = {point["x"] for point in items(drawn[2], "symbol")}
    assert once == {max(point["x"] for point in items(drawn[0], "symbol"))}
