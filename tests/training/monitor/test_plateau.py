"""Plateaus of the score: improvements count, noise and lucky scores do not."""

import numpy as np
import pytest

from pipeline.training.monitor.history import History
from pipeline.training.monitor.plateau import images_since_improvement, stopping_point


def rows(scores: list[float | None]) -> list[dict[str, float | None]]:
    """A row each 1,000 images."""
    return [{"images_seen": 1000 * (n + 1), "mifid": score} for n, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "images"),
    [
        ([], 0),
        ([5.0, 4.0], 0),  # too few to tell
        ([5.0, 4.0, 3.0], 0),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 0),  # each one better
        ([5.0] * 3 + [4.99] * 5, 5000),  # by less than its noise
        ([5.0] * 3 + [4.0] * 5, 3000),  # the second 4.0 makes it the median: 5,000 of 8,000
        ([5.0, 5.0, 5.0, 1.0, 5.0, 5.0, 5.0], 4000),  # one lucky score is none
        ([5.0, 5.0, 5.0, 9.0, 9.0, 9.0], 3000),  # worse
    ],
)
def test_images_since_the_last_improvement(scores: list[float | None], images: int) -> None:
    assert images_since_improvement(rows(scores)) == images


def test_rows_without_a_score_are_passed_over() -> None:
    scores: list[float | None] = [5.0, None, 5.0, None, 5.0, None, 5.0, None]
    assert images_since_improvement(rows(scores)) == 2000


def test_many_small_steps_add_up() -> None:
    """Half a per cent each time is an improvement each fourth or fifth time."""
    falling = [100 * 0.995**number for number in range(200)]
    waits = [images_since_improvement(rows(falling[:n])) for n in range(3, 200)]
    assert max(waits) == 4000


@pytest.mark.parametrize("seed", range(5))
def test_noise_around_a_level_is_a_plateau_and_a_slope_is_none(seed: int) -> None:
    """1 % of noise, as scores of 2,000 samples have."""
    noise = 1 + 0.01 * np.random.default_rng(seed).standard_normal(100)
    assert images_since_improvement(rows(list(20 * noise))) >= 50_000  # one early, by chance
    slope = 20 * np.linspace(1, 0.3, 100)
    assert images_since_improvement(rows(list(slope * noise))) <= 10_000


def summary(scores: list[tuple[float, float]]) -> dict[str, float]:
    """Of a history with these scores and distances, one each 1,000 images."""
    pairs = zip(rows([score for score, _ in scores]), scores, strict=True)
    return History(()).summary(
        [row | {"memorization_distance": distance} for row, (_, distance) in pairs]
    )


def test_the_lowest_score_is_where_to_stop() -> None:
    said = stopping_point(summary([(9.0, 0.5), (3.0, 0.4), (5.0, 0.1)]))
    assert said is not None
    assert "3.00, was at 2000 images (d 0.400)" in said
    assert "at the end, 3000 images, it is 5.00 (d 0.100): train.images: 2000" in said


def test_where_the_last_is_the_lowest_more_may_help() -> None:
    said = stopping_point(summary([(9.0, 0.5), (3.0, 0.4)]))
    assert said is not None and "3.00, was at 2000 images (d 0.400), the last" in said
    assert "train.images" not in said


def test_nothing_is_said_without_scores() -> None:
    assert stopping_point(summary([])) is None
