"""When to stop early: a signal, the time limit."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SAME_REQUEST_S = 2.0


class StopRequest:
    """Remembers a signal or the end of the time limit, so that the loop can end between two steps.

    Attributes:
        signal: SIGINT or SIGTERM, if one came.
    """

    def __init__(self, time_limit_hours: float | None) -> None:
        self._start = time.monotonic()
        self._limit = None if time_limit_hours is None else time_limit_hours * 3600
        self.signal: signal.Signals | None = None
        self._requested = 0.0

    @property
    def out_of_time(self) -> bool:
        """Return whether the time limit has passed."""
        return self._limit is not None and time.monotonic() - self._start >= self._limit

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as a request to stop; a later one stops at once.

        Not one that comes right after: a terminal or a cluster signals all processes of a job,
        and a launcher among them then passes on what this process has got already.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # Python hands signals to the main thread only
            return
        before = {
            number: signal.signal(number, self._take) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signal is None:
            self.signal = signal.Signals(number)
            self._requested = now
        elif now - self._requested > _SAME_REQUEST_S:
            raise KeyboardInterrupt
