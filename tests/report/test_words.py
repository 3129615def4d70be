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
        ({"memorization_distance_flips": 0.2, "memorization_distance_parts": 0.12}, "clear"),
        ({"memorization_distance_flips": 0.1}, "suspicious"),
        ({"memorization_distance_parts": 0.1}, "suspicious"),
        ({"memorization_distance_flips": 0.1, "memorization_distance": 0.05}, "penalised"),
    ],
)
def test_the_verdict_follows_the_threshold(changes: dict, level: str) -> None:
    assert words.verdict(metrics(**changes)).level == level


def test_a_threshold_that_unseen_real_images_miss_is_called_so() -> None:
    missed = words.verdict(metrics(floor_memorization_distance=0.1))
    assert "says little" in missed.words
    assert "says little" not in words.verdict(metrics()).words


def test_which_copies_were_found_is_said() -> None:
    copied = {"memorization_distance_flips": 0.01, "memorization_distance_parts": 0.02}
    said = words.verdict(metrics(**copied)).words
    assert "mirrored training images (d = 0.01) and to parts of training images (d = 0.02)" in said
    assert "parts" not in words.verdict(metrics(memorization_distance_flips=0.01)).words


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("generative-dog-images: 64 px", "reference.extractor: inception gives a number that is"),
        ("gan-getting-started: 256 px", "which the organisers do not publish"),
        ("none: 28 px", ""),
        ("cats: 64 px", ""),
    ],
)
def test_a_proxy_stands_beside_no_public_score(protocol: str, said: str) -> None:
    found = words.public_scores(metrics(protocol=protocol))
    assert (said in found) if said else found == ""
    assert not any(number in found for number in ("12.46", "31.10", "187", "79"))


def test_no_metrics_no_verdict() -> None:
    assert words.verdict(None).level == "unknown"
    assert words.verdict({}).level == "unknown"


def test_only_the_official_network_on_whole_photos_is_kaggles() -> None:
    official = metrics(extractor="inception", official=True)
    crops = metrics(extractor="inception", reference="crops", official=False)
    assert words.is_official(official) and "as Kaggle" in words.network(official)
    assert not words.is_official(crops)
    assert "against crops: not known to be Kaggle's" in words.network(crops)
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
