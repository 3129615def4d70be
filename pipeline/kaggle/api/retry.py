"""How long to wait for Kaggle and how often to ask again: the client itself does neither."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pipeline.common import progress
from pipeline.kaggle.api.errors import Unavailable, Unclear

T = TypeVar("T")

LONGEST_WAIT_S = 300.0


@dataclass(frozen=True)
class Patience:
    """Deadlines and retries of every call."""

    timeout_s: float = 60.0  # seconds without a byte before a call counts as lost
    retries: int = 5  # further attempts after the first
    delay_s: float = 2.0  # wait before the first retry, twice as long before each further one

    def waits(self) -> Iterator[float]:
        """Seconds before each retry: doubling, with up to a quarter added, so that many clients
        thrown out together do not come back together."""
        for attempt in range(self.retries):
            yield min(LONGEST_WAIT_S, self.delay_s * 2**attempt) * random.uniform(1, 1.25)


class Again(Exception):
    """The attempt failed in a way that may pass.

    Attributes:
        reason: what happened, for the user.
        after_s: seconds Kaggle asked us to wait (its Retry-After), or None.
        untouched: Kaggle did not act on the request, so that repeating it cannot act twice.
    """

    def __init__(self, reason: str, *, after_s: float | None = None, untouched: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s
        self.untouched = untouched


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3: a number or a date)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def repeat(
    what: str,
    attempt: Callable[[], T],
    patience: Patience,
    *,
    find: Callable[[], T | None] | None = None,
) -> T:
    """Run `attempt` until it works or patience ends.

    Args:
        what: the call in words, for messages.
        attempt: raises `Again` where trying again may help; other errors pass through.
        find: given where the call must not act twice. After a failure that may hide a success it
            looks whether the call did act; what it finds is the result, and only None allows
            another attempt.

    Raises:
        Unavailable: patience ended.
        Unclear: patience ended, and the last attempt may have acted.
    """
    waits = patience.waits()
    while True:
        try:
            return attempt()
        except Again as failure:
            wait_s = next(waits, None)
            acted = find is not None and not failure.untouched
            if wait_s is None and not acted:
                raise _out_of_patience(what, failure, patience) from None
            pause(what, failure, patience.delay_s if wait_s is None else wait_s)
            if acted:
                found = _settle(find, patience.timeout_s)
                if found is not None:
                    progress.say(f"   {what}: it had gone through")
                    return found
                if wait_s is None:
                    raise Unclear(
                        f"{what}: {failure.reason}, and Kaggle does not list it (yet); run the "
                        "same command again in some minutes: it looks first, and sends nothing "
                        "twice"
                    ) from None


def _settle(find: Callable[[], T | None], for_s: float) -> T | None:
    """Look until it is there or `for_s` have passed: a lost request may still be under way."""
    end = time.monotonic() + for_s
    while (found := find()) is None and time.monotonic() < end:
        time.sleep(for_s / 5)
    return found


def pause(what: str, failure: Again, wait_s: float) -> None:
    """Say why, and wait: as long as Kaggle asked for, or as long as patience says."""
    if failure.after_s is not None:
        if failure.after_s > LONGEST_WAIT_S:
            raise Unavailable(
                f"{what}: {failure.reason}; Kaggle asks to wait {failure.after_s:.0f} s: "
                "run the same command again then"
            )
        wait_s = failure.after_s
    progress.say(f"   {what}: {failure.reason}; trying again in {wait_s:.0f} s")
    time.sleep(wait_s)


def _out_of_patience(what: str, failure: Again, patience: Patience) -> Unavailable:
    return Unavailable(
        f"{what}: {failure.reason}, {patience.retries + 1} times; check the network and "
        "https://status.kaggle.com, then run the same command again"
    )
