"""A thread that works beside its owner's, on a core of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

from pipeline.common import cores

Result = TypeVar("Result")


class Beside:
    """Runs one function at a time in a thread; at once and in the caller's, where there is no core
    for both. The results are the same bit for bit: each of the two computes with as many threads
    of torch as the owner does."""

    def __init__(self) -> None:
        threads = torch.get_num_threads()  # a number of each thread's own
        self._pool = None
        if cores.usable() >= 2 * threads:
            self._pool = ThreadPoolExecutor(1, "beside", torch.set_num_threads, (threads,))

    @contextmanager
    def running(self, work: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
        """Start `work`; yield a function that waits for it and returns what it returned, or raises
        what it raised. The block ends when the work has ended, also by an error."""
        if self._pool is None:
            result = work()
            yield lambda: result
            return
        future = self._pool.submit(work)
        try:
            yield future.result
        finally:
            wait([future])
