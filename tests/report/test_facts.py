"""The figures of the tables, against counts made by hand."""

import numpy as np
import pandas as pd

from pipeline.report import facts
from tests.report.synthetic import metrics


def index(rows: list[tuple]) -> pd.DataFrame:
    columns = ["file", "breed", "xmin", "ymin", "xmax", "ymax", "crop", "reason"]
    return pd.DataFrame(rows, columns=columns)


TABLE = index([
    ("a.jpg", "pug", 0, 0, 10, 20, 0, None),
    ("a.jpg", "pug", 5, 5, 45, 15, 1, None),
    ("b.jpg", "collie", 0, 0, 9, 9, 2, None),
    ("c.jpg", "collie", 0, 0, 2, 9, None, "too small"),
    ("d.jpg", "boxer", None, None, None, None, None, "truncated"),
    ("e.jpg", None, None, None, None, None, None, "truncated"),
])  # fmt: skip


def test_the_index_is_counted() -> None:
    found = facts.data_facts(TABLE)
    values = {figure.name: (figure.value, figure.note) for figure in found.figures}
    assert values["Photos"][0] == "5"
    assert values["Crops"] == ("3", "1 photos gave more than one")
    assert values["Dropped"] == ("3", "50.00% of 6 rows")
    assert values["Breeds"][0] == "4"
    assert found.reasons == [("truncated", "2", "33.33%"), ("too small", "1", "16.67%")]
    assert found.breeds[:2] == [("pug", "2", "0"), ("collie", "1", "1")]
    assert set(found.breeds[2:]) == {("boxer", "0", "1"), ("(no breed)", "0", "1")}
    assert found.crops_by_breed == {"pug": 2, "collie": 1}


def test_many_reasons_are_summed_up() -> None:
    rows = [(f"{n}.jpg", "pug", 0, 0, 1, 1, None, f"reason {n}") for n in range(100)]
    found = facts.data_facts(index(rows))
    assert len(found.reasons) == facts.MAX_REASONS + 1
    assert found.reasons[-1] == ("60 other reasons", "60", "60.00%")


def test_box_sides() -> None:
    shorter, shapes = facts.box_sides(TABLE)
    np.testing.assert_array_equal(shorter, [10, 10, 9, 2])
    np.testing.assert_allclose(shapes, [0.5, 4, 1, 2 / 9])


def test_mifid_comes_first_and_what_is_missing_is_left_out() -> None:
    figures = facts.score_figures(metrics(recall=None))
    assert figures[0].name == "MiFID" and "proxy" in figures[0].note
    assert "Recall" not in {figure.name for figure in figures}
    assert "floor 0.25" in figures[2].note and "0.12" in figures[2].note


def test_parameters_read_as_in_the_file() -> None:
    content = {
        "device": "auto",
        "train": {"lr_g": 2e-4, "flips": True, "real_labels": (0.7, 1.2), "limit": None,
                  "images": 160000, "half": 5000.0, "epsilon": 1e-15, "rate": 0.123456789},
        "kaggle": {"kernel_params": {"a.b": 1, "c.d": 8.0}, "empty": {}},
    }  # fmt: skip
    rows = dict(facts.parameter_rows(content))
    assert rows["general"] == [("device", "auto")]
    assert dict(rows["train"]) == {
        "lr_g": "0.0002", "flips": "true", "real_labels": "[0.7, 1.2]", "limit": "null",
        "images": "160000", "half": "5000.0", "epsilon": "1e-15", "rate": "0.123456789",
    }  # fmt: skip
    assert dict(rows["kaggle"]) == {"kernel_params": "a.b: 1; c.d: 8.0", "empty": "{}"}


def test_stages_are_listed_as_they_ended() -> None:
    logs = {
        "b": {"seconds": 61, "finished": "2024-01-01T00:00:05+00:00"},
        "a": {"seconds": 2.5, "finished": "2024-01-01T00:00:09+00:00"},
    }
    assert facts.stage_times(logs) == [
        ("b", "1 min 01 s", "2024-01-01 00:00:05 UTC"),
        ("a", "2.5 s", "2024-01-01 00:00:09 UTC"),
    ]
