"""DVC's plot of the score: only the rows of the history that hold one are drawn."""

import json

import pytest

from tests.conftest import REPOSITORY

TEMPLATE = REPOSITORY / ".dvc" / "plots" / "score.json"


def points(template: str) -> list[float]:
    """Draw a history as DVC does (all values are text) and give the points' heights."""
    import vl_convert
    from dvc_render.vega import VegaRenderer

    rows = [
        {"images_seen": str(step), "mifid": "" if step % 2 else str(10.0**step), "rev": "main"}
        for step in range(5)
    ]
    renderer = VegaRenderer(
        rows, "score", x="images_seen", y="mifid", template=template, title="t",
        template_dir=str(TEMPLATE.parent),
    )  # fmt: skip
    scene = vl_convert.vegalite_to_scenegraph(json.loads(renderer.partial_html()))
    found: list[float] = []

    def visit(node: dict) -> None:
        if node.get("marktype") == "symbol" and node.get("role") == "mark":
            found.extend(item["y"] for item in node["items"])
        for item in node.get("items", []):
            visit(item)

    visit(scene["scenegraph"])
    return found


def test_rows_without_a_score_are_no_points() -> None:
    heights = points("score")
    assert len(heights) == 3
    # 1, 100 and 10,000 on a logarithmic axis are equally far apart.
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2]) and heights[0] > 0


def test_dvcs_own_template_would_draw_them_at_zero() -> None:
    assert len(points("scatter")) == 5
