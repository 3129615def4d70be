"""The policy: which failures are repeated, how often, and after which waits."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipeline.download.errors import GaveUp
from pipeline.download.retry import (
    LONGEST_WAIT_S,
    PROGRESS_BYTES,
    Retryable,
    RetryPolicy,
    is_worth_repeating,
    repeat,
    retry_after_s,
)

POLICY = RetryPolicy(timeout_s=1, retries=2, retry_wait_s=1)


class Calls:
    """Fails as told, then gives "done"."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def test_repeats_what_may_be_repeated(waits: list[float]) -> None:
    calls = Calls(Retryable("HTTP 503"), Retryable("no answer"))
    assert repeat("asking", calls, POLICY) == "done"
    assert calls.made == 3
    assert len(waits) == 2


def test_another_error_passes_at_once(waits: list[float]) -> None:
    calls = Calls(ValueError("no"))
    with pytest.raises(ValueError):
        repeat("asking", calls, POLICY)
    assert (calls.made, waits) == (1, [])


@pytest.mark.parametrize(
    ("retries", "words"), [(0, ""), (1, r" \(after 1 retry\)"), (2, r" \(after 2 retries\)")]
)
def test_gives_up_with_the_last_reason(waits: list[float], retries: int, words: str) -> None:
    failures = [Retryable(f"HTTP {500 + number}") for number in range(retries + 1)]
    calls = Calls(*failures)
    with pytest.raises(GaveUp, match=f"^HTTP {500 + retries}{words}$") as caught:
        repeat("asking", calls, RetryPolicy(1, retries, 1))
    assert caught.value.last is failures[-1]
    assert calls.made == retries + 1
    assert len(waits) == retries


def test_waits_double_up_to_a_limit(waits: list[float]) -> None:
    repeat("asking", Calls(*[Retryable("HTTP 503")] * 8), RetryPolicy(1, 8, 2))
    assert len(waits) == 8
    for wait_s, base_s in zip(waits, (2, 4, 8, 16, 32, *[LONGEST_WAIT_S] * 3), strict=True):
        assert base_s <= wait_s <= 1.25 * base_s
    assert len({wait_s / base_s for wait_s, base_s in zip(waits, (2, 4, 8), strict=False)}) == 3


def test_the_last_of_a_hundred_retries_has_a_wait_too() -> None:
    assert LONGEST_WAIT_S <= RetryPolicy(1, 100, 1e-9).wait_s(100) <= 1.25 * LONGEST_WAIT_S


def test_never_comes_back_before_the_server_asks_nor_before_the_policy(waits: list[float]) -> None:
    asked = (7.0, 0.0)
    repeat("asking", Calls(*[Retryable("HTTP 429", retry_after_s=s) for s in asked]), POLICY)
    assert waits[0] == 7
    assert waits[1] >= 2


def test_a_wait_of_hours_is_left_to_the_user(waits: list[float]) -> None:
    calls = Calls(Retryable("HTTP 429", retry_after_s=7200))
    with pytest.raises(GaveUp, match=r"^HTTP 429, come back in 7,200 s$"):
        repeat("asking", calls, POLICY)
    assert (calls.made, waits) == (1, [])


def test_a_try_that_brought_something_gives_the_retries_back(waits: list[float]) -> None:
    reached = [0]

    def cut_each_time() -> str:
        reached[0] += PROGRESS_BYTES
        if reached[0] < 9 * PROGRESS_BYTES:
            raise Retryable("cut")
        return "done"

    call = repeat("fetching", cut_each_time, POLICY, received_bytes=lambda: reached[0])
    assert call == "done"
    assert max(waits) <= 1.25, "each is the first again"


def test_a_byte_less_gives_none_back(waits: list[float]) -> None:
    reached = [0]

    def cut_each_time() -> str:
        reached[0] += (PROGRESS_BYTES - 1) // 3
        raise Retryable("cut")

    with pytest.raises(GaveUp):
        repeat("fetching", cut_each_time, POLICY, received_bytes=lambda: reached[0])
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, False), (301, False), (400, False), (401, False), (403, False), (404, False)]
    + [(status, True) for status in (408, 425, 429, 500, 502, 503, 504, 520, 599)],
)
def test_statuses(status: int, expected: bool) -> None:
    assert is_worth_repeating(status) is expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        (" 1.5 ", 1.5),
        ("-1", 0),
        ("soon", 0),
        ("nan", 0),
        ("²", 0),
        ("9" * 999, float("inf")),
        ("Mon, 01 Jan 1990 00:00:00 GMT", 0),
    ],
)
def test_retry_after(header: str | None, seconds: float) -> None:
    assert retry_after_s(header) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_retry_after_as_a_date(zone: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < retry_after_s(later.replace("GMT", zone)) <= 3600
