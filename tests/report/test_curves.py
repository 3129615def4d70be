"""The training curves in long form, under whatever names training gives them."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.report import curves
from tests.report.synthetic import write_curves

HEADER = "images_seen,panel,metric,label,value\n"


def line(*values: float, seen: np.ndarray | None = None) -> curves.Line:
    seen = np.arange(1, len(values) + 1) * 1000 if seen is None else seen
    return curves.Line("m", "l", seen, np.array(values, dtype=float))


def read(tmp_path: Path, rows: str) -> tuple[curves.Panel, ...]:
    path = tmp_path / "curves.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return curves.read(path)


def test_panels_and_lines_keep_the_order_in_which_they_were_logged(tmp_path: Path) -> None:
    panels = read(
        tmp_path, "10,z,b,B,1\n10,z,a,A,2\n10,y,c,C,3\n20,z,b,B,4\n20,z,a,A,5\n30,x,d,D,6\n"
    )
    assert [panel.title for panel in panels] == ["z", "y", "x"]
    assert [(each.metric, each.label) for each in panels[0].lines] == [("b", "B"), ("a", "A")]
    np.testing.assert_array_equal(panels[0].lines[1].images_seen, [10, 20])
    np.testing.assert_array_equal(panels[0].lines[1].value, [2, 5])
    assert curves.images_seen(panels) == 30


def test_names_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    (panel,) = read(tmp_path, '10,NA,007,nan,1\n20,NA,007,nan,2\n10,NA,7,"a, ""b""",3\n')
    assert panel.title == "NA"
    assert [(each.metric, each.label) for each in panel.lines] == [("007", "nan"), ("7", 'a, "b"')]


def test_values_that_are_not_finite_are_gaps(tmp_path: Path) -> None:
    (panel,) = read(tmp_path, "10,p,m,l,\n20,p,m,l,1\n30,p,m,l,nan\n40,p,m,l,-inf\n50,p,m,l,2e-1\n")
    np.testing.assert_array_equal(panel.lines[0].images_seen, [20, 50])
    np.testing.assert_array_equal(panel.lines[0].value, [1, 0.2])


def test_columns_may_come_in_any_order_and_more_of_them(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("value,extra,label,panel,metric,images_seen\n0.5,x,l,p,m,10\n")
    (panel,) = curves.read(path)
    assert panel.lines[0].value.tolist() == [0.5] and panel.lines[0].label == "l"


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ((1, 100), False),
        ((1, 101), True),
        ((1e-6, 1e-3), True),
        ((0, 1000), False),
        ((-1, 1000), False),
        ((5,), False),
    ],
)
def test_values_above_0_that_span_two_decades_get_a_logarithmic_axis(
    values: tuple, log: bool
) -> None:
    assert curves.is_log([line(*values)]) is log


def test_two_lines_of_a_panel_share_its_axis() -> None:
    assert curves.is_log([line(1, 2), line(300, 400)])
    assert not curves.is_log([line(1, 2000), line(-1, 1)])


def test_what_is_measured_seldom_is_a_score_of_its_images_seen() -> None:
    often = line(*range(10))
    half = line(*range(5), seen=np.arange(1, 6) * 2000)
    more = line(*range(6), seen=np.arange(1, 7) * 1000)
    once = curves.Line("x", "X", np.array([4000]), np.array([7.0]))
    panels = [curves.Panel("p", (often, once)), curves.Panel("q", (more, half))]
    assert curves.scores(panels) == {
        2000: [("l", 0.0)],
        4000: [("X", 7.0), ("l", 1.0)],
        6000: [("l", 2.0)],
        8000: [("l", 3.0)],
        10000: [("l", 4.0)],
    }
    assert curves.scores([curves.Panel("p", (often, often))]) == {}
    assert curves.scores([]) == {}


def test_a_long_line_is_thinned_to_the_means_of_equal_blocks() -> None:
    long = line(*range(1000), seen=np.arange(1000))
    thin = curves.thinned(long, 100)
    np.testing.assert_allclose(thin.value, np.arange(1000).reshape(100, 10).mean(axis=1))
    np.testing.assert_array_equal(thin.images_seen, np.arange(100) * 10 + 4)
    assert curves.thinned(long, 1000) is long
    uneven = curves.thinned(line(*range(1001), seen=np.arange(1001)), 100)
    assert len(uneven.value) == 100 and np.isclose(uneven.value[0], 5)  # a block of 11


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    seen = np.array([1000, 2000, 3000])
    written = {
        ("p", "a", "A"): (seen, np.array([0.5, 0.25, 4])),
        ("q", "b", "B"): (seen[1:2], [9.0]),
    }
    write_curves(tmp_path / "curves.csv", written)
    panels = curves.read(tmp_path / "curves.csv")
    found = {
        (panel.title, each.metric, each.label): (each.images_seen.tolist(), each.value.tolist())
        for panel in panels
        for each in panel.lines
    }
    assert found == {
        ("p", "a", "A"): ([1000, 2000, 3000], [0.5, 0.25, 4]),
        ("q", "b", "B"): ([2000], [9]),
    }
