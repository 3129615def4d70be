"""The score in words, for each way that a score can be."""

import pytest

from pipeline.report import words
from tests.report.synthetic import metrics


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"memorization_distance": 0.21, "threshold": 0.12}, "clear"),
        ({"memorization_distance": 0.12, "threshold": 0.12}, "clear"),  # Kaggle penalises d < t
        ({"memorization_distance": 0.1199, "threshold": 0.12}, "penalised"),
        ({"memorization_distance": 0.13, "memorization_warning": True}, "suspicious"),
        ({"memorization_distance": 0.05, "memorization_warning": True}, "penalised"),
        ({"memorization_distance": None}, "unknown"),
    ],
)
def test_the_verdict_follows_the_threshold(changes: dict, level: str) -> None:
    assert words.verdict(metrics(**changes)).level == level


def test_a_threshold_that_unseen_real_images_miss_is_called_so() -> None:
    missed = words.verdict(metrics(floor_memorization_distance=0.1))
    assert "says little" in missed.words
    assert "says little" not in words.verdict(metrics()).words


def test_no_metrics_no_verdict() -> None:
    assert words.verdict(None).level == "unknown"
    assert words.verdict({}).level == "unknown"


def test_only_the_official_network_on_whole_photos_is_kaggles() -> None:
    official = metrics(extractor="inception", official=True)
    crops = metrics(extractor="inception", reference="crops", official=False)
    assert words.is_official(official) and "as Kaggle" in words.network(official)
    assert not words.is_official(crops) and "not Kaggle's" in words.network(crops)
    assert "proxy" in words.network(metrics()) and "not Kaggle's" in words.network(metrics())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (41.70123, "41.7"),
        (0.00012345, "0.0001234"),
        (123456.7, "123,457"),
        (10000.0, "10,000"),
        (True, "yes"),
        ("embedded", "embedded"),
        (None, ""),
    ],
)
def test_numbers_for_people(value: object, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_sizes() -> None:
    assert [words.size(count) for count in (999, 1000, 12_345_678, 5_400_000_000)] == [
        "999 bytes", "1.0 kB", "12.3 MB", "5.4 GB",
    ]  # fmt: skip
