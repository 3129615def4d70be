"""Work spread over all cores, by processes or by threads, with results in the order of the jobs."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import connection
from typing import Any, TypeVar

from pipeline.common import cores
from pipeline.common.errors import PipelineError

Job = TypeVar("Job")
Result = TypeVar("Result")

# Jobs under way or waiting for each worker: none idles, and finished work can't pile up.
_AHEAD = 3


class WorkerDied(PipelineError):
    """A worker process was ended from outside, most likely for want of memory."""


def in_order(
    work: Callable[[Job], Result], jobs: Sequence[Job], *, processes: int | None = None
) -> Iterator[Result]:
    """Yield `work(job)` for each job, in order.

    Args:
        work: picklable; every process gets one copy, once.
        processes: None for one a core; never more than there are jobs; one is this process.

    Raises:
        WorkerDied: a process ended without an answer.
        Whatever `work` raises.
    """
    processes = min(processes or cores.usable(), len(jobs))
    if processes <= 1:
        yield from map(work, jobs)
        return
    # Started afresh on every system: a fork would copy other libraries' threads half alive.
    executor = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_start, initargs=(work,)
    )
    try:
        yield from _in_order(executor, _call, jobs, ahead=_AHEAD * processes)
    except BrokenProcessPool:
        raise WorkerDied(
            "a worker process died, most likely for want of memory; free some and run again"
        ) from None
    except RuntimeError:
        # The executor's own thread was refused: nobody else would end the workers.
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()
        raise


def in_order_by_threads(
    work: Callable[[Job], Result], jobs: Sequence[Job], *, threads: int | None = None
) -> Iterator[Result]:
    """Yield as `in_order` does, for work that lets other threads run, as Pillow's decoders do:
    nothing has to start or to be copied.

    Args:
        work: safe to run several times at once.
        threads: None for one a core; one is this thread.

    Raises:
        Whatever `work` raises.
    """
    threads = min(threads or cores.usable(), len(jobs))
    if threads <= 1:
        yield from map(work, jobs)
        return
    yield from _in_order(ThreadPoolExecutor(threads), work, jobs, ahead=_AHEAD * threads)


def _in_order(
    executor: Executor, work: Callable[[Job], Result], jobs: Sequence[Job], *, ahead: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    with _interrupted_between_jobs() as check:
        try:
            for job in jobs:
                with _ctrl_c_blocked():
                    waiting.append(executor.submit(work, job))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
                check()
            while waiting:
                yield waiting.popleft().result()
                check()
        finally:
            with suppress(RuntimeError):  # its own thread was refused: there is nothing to join
                executor.shutdown(cancel_futures=True)


@contextmanager
def _interrupted_between_jobs() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the function that is yielded is called, which raises it.

    Raised in the midst of an executor's own code it could leave one of its locks taken, and the
    shutdown would wait for ever.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: None  # not ours to answer: another thread's, ignored, or answered otherwise
        return
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    check()  # it came while the executor was shutting down


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Have what is started inside the block never see Ctrl-C, from its first moment on: the main
    process alone answers it, and ends its workers. It reaches this thread after the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_work: Callable[[Any], Any]


def _start(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker with its main process: killed, that could not tell its workers, who would
    wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _call(job: Any) -> Any:
    return _work(job)
