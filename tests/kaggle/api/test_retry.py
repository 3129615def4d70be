"""When a call is repeated, when it is looked up first, and when it is given up."""

import time
from email.utils import formatdate

import pytest

from pipeline.kaggle.api.errors import Unavailable, Unclear
from pipeline.kaggle.api.retry import Again, Patience, repeat, retry_after_s

HASTE = Patience(timeout_s=0.02, retries=2, delay_s=0.001)


class Attempts:
    """Fails as told, then gives "done"."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def test_repeats_what_may_be_repeated() -> None:
    attempts = Attempts(Again("HTTP 503"), Again("no answer"))
    assert repeat("asking", attempts, HASTE) == "done"
    assert attempts.made == 3


def test_gives_up_with_the_last_reason_and_the_number_of_attempts() -> None:
    attempts = Attempts(Again("HTTP 500"), Again("HTTP 500"), Again("HTTP 502"))
    with pytest.raises(Unavailable, match=r"^asking: HTTP 502, 3 times; .* run the same command"):
        repeat("asking", attempts, HASTE)
    assert attempts.made == 3


def test_what_must_not_act_twice_is_looked_up_before_each_repetition() -> None:
    attempts = Attempts(Again("no answer"))
    # It arrives late: the first look finds nothing, the second does.
    looks = iter([None, 7])
    assert repeat("submitting", attempts, HASTE, find=lambda: next(looks)) == 7
    assert attempts.made == 1


def test_it_is_repeated_where_the_look_finds_nothing() -> None:
    attempts = Attempts(Again("no answer"))
    assert repeat("submitting", attempts, HASTE, find=lambda: None) == "done"
    assert attempts.made == 2


def test_a_request_that_was_not_acted_on_needs_no_look() -> None:
    attempts = Attempts(Again("HTTP 429", untouched=True))

    def find() -> None:
        raise AssertionError("looked")

    assert repeat("submitting", attempts, HASTE, find=find) == "done"


def test_the_last_lost_answer_is_looked_up_too_and_else_unclear() -> None:
    failures = [Again("no answer")] * 3
    looks: list[int] = []

    def find() -> None:
        looks.append(1)

    with pytest.raises(Unclear, match="it looks first, and sends nothing twice"):
        repeat("submitting", Attempts(*failures), HASTE, find=find)
    assert len(looks) >= 6  # after each attempt at once, and until its time has passed


def test_waits_as_long_as_kaggle_asks() -> None:
    start = time.monotonic()
    repeat("asking", Attempts(Again("HTTP 429", after_s=0.3)), HASTE)
    assert time.monotonic() - start >= 0.3


def test_a_wait_of_hours_is_left_to_the_user() -> None:
    attempts = Attempts(Again("HTTP 429", after_s=7200))
    with pytest.raises(Unavailable, match="asks to wait 7200 s"):
        repeat("asking", attempts, HASTE)
    assert attempts.made == 1


def test_waits_double() -> None:
    waits = list(Patience(retries=4, delay_s=1.0).waits())
    assert len(waits) == 4
    for wait, base in zip(waits, (1, 2, 4, 8), strict=True):
        assert base <= wait <= 1.25 * base


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, None), ("", None), ("7", 7.0), ("-1", 0.0), ("soon", None)]
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds


def test_retry_after_as_a_date() -> None:
    found = retry_after_s(formatdate(time.time() + 60, usegmt=True))
    assert found is not None
    assert 55 < found <= 60  # a date has whole seconds
