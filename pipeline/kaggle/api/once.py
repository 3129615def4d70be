"""Calls under the retry policy. A call that acts is never sent twice: Kaggle is asked before."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pipeline.common import progress
from pipeline.download.errors import GaveUp
from pipeline.download.retry import Retryable, RetryPolicy, repeat
from pipeline.kaggle.api.errors import Unavailable, Unclear, UnexpectedAnswer

T = TypeVar("T")

_LATER = (
    "Kaggle does not list it (yet); run the same command again in some minutes: it asks Kaggle "
    "first, and sends nothing twice"
)


class UnusableAnswer(Retryable):
    """An answer that the client does not understand: HTML, empty or cut JSON, a missing field."""


def ask(
    what: str,
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    find: Callable[[], T | None] | None = None,
) -> T:
    """Return what `call` gives, repeated by the policy.

    Args:
        what: the call in words, for messages.
        call: raises `Retryable` where another try may help; other errors pass through.
        find: given where the call must not act twice. After a failure that may hide a success it
            asks whether the call did act; what it finds is the result, and only None allows
            another try.

    Raises:
        Unavailable: the retries are used up.
        UnexpectedAnswer: so they are, over answers that cannot be used; a call that acts is not
            repeated over one.
        Unclear: the retries are used up, and the last try may have acted.
    """
    if find is not None:
        return _act(what, call, policy, find)
    try:
        return repeat(what, call, policy)
    except GaveUp as end:
        raise unavailable(what, end) from None


def unavailable(what: str, end: GaveUp) -> Unavailable:
    """Return the error for retries that are used up, with the next step."""
    if isinstance(end.last, UnusableAnswer):
        return UnexpectedAnswer(f"{what}: {end}")
    return Unavailable(
        f"{what}: {end}; check the network and https://status.kaggle.com, then run the same "
        "command again"
    )


def _act(what: str, call: Callable[[], T], policy: RetryPolicy, find: Callable[[], T | None]) -> T:
    once = _Once(what, call, find, policy.timeout_s)
    try:
        return repeat(what, once, policy)
    except GaveUp as end:
        if not once.may_have_acted:
            raise unavailable(what, end) from None
        found = once.find()
        if found is None:
            raise Unclear(f"{what}: {end}, and {_LATER}") from None
        return found


class _Once(Generic[T]):
    """A call whose second try begins with the question whether the first one acted."""

    def __init__(
        self, what: str, call: Callable[[], T], find: Callable[[], T | None], arrival_s: float
    ) -> None:
        self.may_have_acted = False
        self._what = what
        self._call = call
        self._find = find
        self._arrival_s = arrival_s

    def __call__(self) -> T:
        if self.may_have_acted and (found := self.find()) is not None:
            return found
        self.may_have_acted = False
        try:
            return self._call()
        except UnusableAnswer as failure:
            found = self.find()
            if found is None:
                raise UnexpectedAnswer(f"{self._what}: {failure}, and {_LATER}") from None
            return found
        except Retryable as failure:
            self.may_have_acted = not failure.untouched
            raise

    def find(self) -> T | None:
        """Ask until it is there or `arrival_s` have passed: a lost request may still be under
        way."""
        end = time.monotonic() + self._arrival_s
        while (found := self._find()) is None and time.monotonic() < end:
            time.sleep(self._arrival_s / 5)
        if found is not None:
            progress.say(f"{self._what}: it had gone through")
        return found
