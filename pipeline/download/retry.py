"""The one retry policy: which failures are worth another try, how many there are, and the waits."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pipeline.common.progress import say
from pipeline.download.errors import GaveUp

T = TypeVar("T")

LONGEST_WAIT_S = 60.0  # where the doubling ends
LONGEST_RETRY_AFTER_S = 300.0  # a server that asks for more is given up
PROGRESS_BYTES = 1 << 20  # a try that brought so much gives all retries back


@dataclass(frozen=True)
class RetryPolicy:
    """Deadline and retries of a request.

    Attributes:
        timeout_s: seconds to connect, and without a byte, after which a request counts as lost.
        retries: further tries after the first.
        retry_wait_s: seconds before the first retry, doubled for each next one, up to
            `LONGEST_WAIT_S`.
    """

    timeout_s: float
    retries: int
    retry_wait_s: float

    def wait_s(self, retry: int) -> float:
        """Return the seconds to wait before a retry, numbered from 1.

        Up to a quarter is added at random, so that clients which failed together do not come back
        together.
        """
        wait_s = min(self.retry_wait_s * 2 ** (retry - 1), LONGEST_WAIT_S)
        return wait_s * random.uniform(1, 1.25)


class Retryable(Exception):
    """A try failed in a way that another try may mend.

    Attributes:
        retry_after_s: seconds that the server asked to wait (its Retry-After), 0 for none.
        untouched: the server did not act on the request, so that a second one cannot act twice.
    """

    def __init__(self, reason: str, *, retry_after_s: float = 0.0, untouched: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.untouched = untouched


def is_worth_repeating(status: int) -> bool:
    """Return whether a later try may get another HTTP status.

    Those are 408 (the request came too slowly), 425 and 429 (too early, too many), and every 5xx.
    """
    return status in (408, 425, 429) or status >= 500


def retry_after_s(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for, 0 where none can be read.

    RFC 9110, section 10.2.3: a number of seconds, or a date.
    """
    header = (header or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", header):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def repeat(
    what: str,
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    received_bytes: Callable[[], int] = lambda: 0,
) -> T:
    """Return what `call` gives, repeating it while it raises `Retryable`.

    Args:
        what: the call in words, for the line that tells of a wait.
        received_bytes: how much of a file is here. A try that brought `PROGRESS_BYTES` or more
            starts the count of retries and the waits anew.

    Raises:
        GaveUp: the retries are used up, or the server asks for too long a wait.
    """
    failures = 0
    before = received_bytes()
    while True:
        try:
            return call()
        except Retryable as failure:
            if received_bytes() >= before + PROGRESS_BYTES:
                failures, before = 0, received_bytes()
            failures += 1
            _wait(what, failure, failures, policy)


def _wait(what: str, failure: Retryable, failures: int, policy: RetryPolicy) -> None:
    """Wait before the next try, or raise GaveUp where there is none."""
    if failure.retry_after_s > LONGEST_RETRY_AFTER_S:
        raise GaveUp(f"{failure}, come back in {failure.retry_after_s:,.0f} s", failure) from None
    if failures > policy.retries:
        plural = "y" if policy.retries == 1 else "ies"
        tries = f" (after {policy.retries} retr{plural})" if policy.retries else ""
        raise GaveUp(f"{failure}{tries}", failure) from None
    wait_s = max(policy.wait_s(failures), failure.retry_after_s)
    say(f"{what}: {failure}; trying again in {wait_s:.1f} s")
    time.sleep(wait_s)
