"""The estimate of a training's time: once, from the steps behind the slow first ones."""

import pytest

from pipeline.training.monitor.estimate import TimeEstimate, in_words


def lines(estimate: TimeEstimate, steps: list[tuple[int, float]]) -> list[str]:
    said = (estimate.after(images, seconds) for images, seconds in steps)
    return [line for line in said if line]


def test_the_slow_first_steps_do_not_count() -> None:
    """Two images in the first 4 s, then 10 a second."""
    estimate = TimeEstimate(6_000, seconds=50.0)
    steps = [(1, 52.0), (2, 54.0), *((2 + 10 * n, 54.0 + n) for n in range(1, 100))]
    (line,) = lines(estimate, steps)
    assert line.startswith("about 10 minutes on this machine")


def test_a_short_training_says_nothing() -> None:
    assert lines(TimeEstimate(100, seconds=0.0), [(n, n / 10) for n in range(100)]) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "a minute"), (150, "2 minutes"), (540, "9 minutes"), (5400, "1.5 hours"),
     (86400 * 3, "3.0 days")],
)  # fmt: skip
def test_times_are_said_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
