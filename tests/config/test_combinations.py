"""Parameters against the competition's profile: one line each, before anything runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import InputError
from pipeline.config import content, params

MONET = {"competition": "gan-getting-started"}
NONE = {"competition": "none"}


def checked(repository: Path, changes: Mapping[str, Any]) -> params.Params:
    shipped = content.read(repository / "params.yaml")
    return params.parse(content.override(shipped, changes), where="params.yaml")


FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"crop.side_px": 256},
        "crop.side_px = 256: generative-dog-images takes samples of 32, 6",
    ),
    (MONET | {"crop.side_px": 32}, "crop.side_px = 32: gan-getting-started takes samples of 64, "),
    (
        {"generate.count": 10_001},
        "generate.count = 10001: generative-dog-images takes exactly 10",
    ),
    (
        {"generate.count": 48, "submit.mode": "kernel"},
        "generate.count = 48: generative-dog-images takes exactly 10,000 images",
    ),
    (
        MONET | {"generate.count": 6_999, "submit.mode": "file"},
        "generate.count = 6999: gan-getting-started takes 7,000 to 10,000 images",
    ),
    ({"kaggle.time_limit_hours": 9.5}, "kaggle.time_limit_hours = 9.5: generative-dog-images give"),
    (
        MONET | {"kaggle.time_limit_hours": 9.0},
        "kaggle.time_limit_hours = 9: gan-getting-started gives a kernel 5 h",
    ),
    (
        {"kaggle.time_limit_hours": 0.5, "kaggle.room_minutes": 30.0},
        "kaggle.room_minutes = 30: leaves nothing of 0.5 h",
    ),
    (MONET | {"kaggle.room_minutes": 300.0}, "kaggle.room_minutes = 300: leaves nothing of 5 h"),
    (
        NONE | {"submit.mode": "kernel"},
        "submit.mode = kernel: competition none takes no",
    ),
    (NONE | {"submit.mode": "file"}, "submit.mode = file: competition none takes no submissions"),
    (NONE | {"data.source": "kaggle"}, "data.source = kaggle: competition none has no data"),
]


@pytest.mark.parametrize(("changes", "line"), FAULTS)
def test_what_does_not_fit_is_one_line(
    repository: Path, changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(InputError) as caught:
        checked(repository, changes)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"generate.count": 48},  # a trial that sends nothing
        MONET | {"crop.side_px": 256, "generate.count": 7_000, "submit.mode": "kernel"},
        MONET | {"kaggle.time_limit_hours": 5.0},
        NONE | {"crop.side_px": 16, "generate.count": 1},
        NONE | {"kaggle.time_limit_hours": 12.0},
        {"kaggle.time_limit_hours": 0.5, "kaggle.room_minutes": 29.0},
    ],
)
def test_what_fits_is_taken(repository: Path, changes: dict[str, Any]) -> None:
    assert checked(repository, changes).competition == changes.get(
        "competition", "generative-dog-images"
    )


def test_all_that_does_not_fit_is_said_at_once(repository: Path) -> None:
    with pytest.raises(InputError, match=r"crop\.side_px = 16.*; generate\.count = 20000"):
        checked(repository, {"crop.side_px": 16, "generate.count": 20_000})
