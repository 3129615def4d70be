"""The numbers of the tables, against counts made by hand."""

import numpy as np
import pandas as pd

from pipeline.report import facts
from tests.report.synthetic import metrics


def index(rows: list[tuple]) -> pd.DataFrame:
    columns = ["file", "class", "xmin", "ymin", "xmax", "ymax", "crop", "reason"]
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
    values = {number.name: (number.value, number.note) for number in found.numbers}
    assert values["Photos"][0] == "5"
    assert values["Crops"] == ("3", "1 photos gave more than one")
    assert values["Dropped"] == ("3", "50.00% of 6 rows")
    assert values["Classes"][0] == "4"
    assert found.reasons == [("truncated", "2", "33.33%"), ("too small", "1", "16.67%")]
    assert found.classes[:2] == [("pug", "2", "0"), ("collie", "1", "1")]
    assert set(found.classes[2:]) == {("boxer", "0", "1"), ("(no class)", "0", "1")}
    assert found.crops_by_class == {"pug": 2, "collie": 1}


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
    numbers = facts.score_numbers(metrics(recall=None))
    assert numbers[0].name == "MiFID" and "proxy" in numbers[0].note
    assert "Recall" not in {number.name for number in numbers}
    assert numbers[2].note == "unseen real images get 0.25; penalised below 0.12"
    alone = facts.score_numbers(metrics(floor_memorization_distance=None))
    assert alone[2].note == "penalised below 0.12"


def test_the_scores_own_noise_stands_beside_it() -> None:
    numbers = facts.score_numbers(metrics(mifid_deviation=0.5, fid_deviation=0.25, floor_fid=2.0))
    notes = {number.name: number.note for number in numbers}
    assert notes["MiFID"] == "proxy, not Kaggle's number; ± 0.5 by other latents"
    assert notes["FID"] == "unseen real images get 2; ± 0.25 by other latents"


def test_each_distance_stands_beside_d() -> None:
    """Copies that are mirrored or cut out are not among the whole images."""
    names = [number.name for number in facts.score_numbers(metrics())]
    assert "d, mirrored" not in names and "d, parts" not in names
    distances = {"memorization_distance_flips": 0.125, "memorization_distance_parts": 0.0625}
    found = {number.name: number.value for number in facts.score_numbers(metrics(**distances))}
    place = list(found).index("Memorisation distance d")
    assert list(found.items())[place + 1 : place + 3] == [
        ("d, mirrored", "0.125"),
        ("d, parts", "0.0625"),
    ]


PARAMETERS = {
    "device": "auto",
    "train": {"lr_g": 2e-4, "flips": True, "real_labels": (0.7, 1.2), "limit": None,
              "images": 160000, "half": 5000.0, "epsilon": 1e-15, "rate": 0.123456789},
    "data": {"drawn": {"pictures": 1500, "seed": 1}, "source": "drawn", "folder": {"path": None},
             "deep": {"er": {"key": "x"}}},
    "kaggle": {"empty": {}},
}  # fmt: skip


def test_parameters_read_as_in_the_file() -> None:
    sections = dict(facts.parameter_sections(PARAMETERS))
    assert sections["general"] == [facts.Group("", [("device", "auto")])]
    (train,) = sections["train"]
    assert train.name == "" and dict(train.rows) == {
        "lr_g": "0.0002", "flips": "true", "real_labels": "[0.7, 1.2]", "limit": "null",
        "images": "160000", "half": "5000.0", "epsilon": "1e-15", "rate": "0.123456789",
    }  # fmt: skip
    assert sections["kaggle"] == [facts.Group("", [("empty", "{}")])]


def test_a_sub_section_is_a_group_after_the_sections_own_parameters() -> None:
    sections = facts.parameter_sections(PARAMETERS)
    assert [name for name, _ in sections] == ["general", "train", "data", "kaggle"]
    assert dict(sections)["data"] == [
        facts.Group("", [("source", "drawn")]),
        facts.Group("drawn", [("pictures", "1500"), ("seed", "1")]),
        facts.Group("folder", [("path", "null")]),
        facts.Group("deep.er", [("key", "x")]),
    ]


def test_flat_parameters_have_their_full_names() -> None:
    flat = facts.flat_parameters(PARAMETERS)
    assert flat["device"] == "auto" and flat["train.flips"] == "true"
    assert flat["data.drawn.pictures"] == "1500" and flat["data.deep.er.key"] == "x"
    assert len(flat) == 1 + 8 + 5 + 1


def test_stages_are_listed_as_they_ended() -> None:
    logs = {
        "b": {"seconds": 61, "finished": "2024-01-01T00:00:05+00:00"},
        "a": {"seconds": 2.5, "finished": "2024-01-01T00:00:09+00:00"},
    }
    assert facts.stage_times(logs) == [
        ("b", "1 min 01 s", "2024-01-01 00:00:05 UTC"),
        ("a", "2.5 s", "2024-01-01 00:00:09 UTC"),
    ]
