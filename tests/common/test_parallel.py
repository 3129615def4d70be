"""Work in processes and in threads: order, failures, and no process left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.common import parallel
from pipeline.common.errors import InputError


@dataclass(frozen=True)
class Act:
    """Does what the job says."""

    factor: int = 1

    def __call__(self, job: object) -> object:
        if job == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if job == "refuse":
            raise InputError("no such thing")
        if isinstance(job, float):
            time.sleep(job)
        return (os.getpid(), job * self.factor)  # type: ignore[operator]


@dataclass(frozen=True)
class Leave:
    """Leaves a file for each job."""

    folder: Path

    def __call__(self, job: int) -> None:
        (self.folder / str(job)).touch()


@dataclass(frozen=True)
class Thread:
    """Names the thread that worked."""

    def __call__(self, job: float) -> tuple[int, float]:
        if job < 0:
            raise InputError("no such thing")
        time.sleep(job)
        return threading.get_ident(), job


def test_results_come_in_the_order_of_the_jobs_however_long_each_takes() -> None:
    jobs = [0.3, 0.0, 0.1, 0.0, 0.0, 0.2, 0.0, 0.0]
    results = list(parallel.in_order(Act(2), jobs, processes=2))
    assert [value for _, value in results] == [2 * job for job in jobs]
    processes = {process for process, _ in results}
    assert len(processes) == 2 and os.getpid() not in processes


def test_one_process_is_this_one() -> None:
    assert list(parallel.in_order(Act(), [1, 2], processes=1)) == [
        (os.getpid(), 1),
        (os.getpid(), 2),
    ]


def test_work_waits_for_its_results_to_be_taken(tmp_path: Path) -> None:
    """Not all 1,000 jobs run ahead: results that nobody takes would fill the memory."""
    results = parallel.in_order(Leave(tmp_path), range(1000), processes=2)
    next(results)
    time.sleep(0.5)
    assert 1 <= len(list(tmp_path.iterdir())) <= 8
    results.close()


def test_a_single_job_starts_no_process() -> None:
    assert list(parallel.in_order(Act(), [3], processes=8)) == [(os.getpid(), 3)]
    assert list(parallel.in_order(Act(), [], processes=8)) == []


def test_an_error_of_the_work_is_passed_on() -> None:
    with pytest.raises(InputError, match=r"^no such thing$"):
        list(parallel.in_order(Act(), [1, "refuse", 2], processes=2))


def test_a_worker_that_dies_is_one_clear_error() -> None:
    with pytest.raises(parallel.WorkerDied, match="a worker process died"):
        list(parallel.in_order(Act(), [1, "die", 2], processes=2))


def test_threads_give_their_results_in_order_and_their_errors() -> None:
    jobs = [0.3, 0.0, 0.1, 0.0, 0.0, 0.2, 0.0, 0.0]
    results = list(parallel.in_order_by_threads(Thread(), jobs, threads=2))
    assert [job for _, job in results] == jobs
    assert len({thread for thread, _ in results} - {threading.get_ident()}) == 2
    for threads in (1, 2):
        with pytest.raises(InputError, match=r"^no such thing$"):
            list(parallel.in_order_by_threads(Thread(), [0.0, -1.0, 0.0], threads=threads))


def test_one_thread_is_this_one() -> None:
    here = threading.get_ident()
    assert list(parallel.in_order_by_threads(Thread(), [0.0, 0.0], threads=1)) == [(here, 0.0)] * 2
    assert list(parallel.in_order_by_threads(Thread(), [0.0], threads=8)) == [(here, 0.0)]
    assert list(parallel.in_order_by_threads(Thread(), [], threads=8)) == []


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C as in a terminal: whatever a shell starts in the background inherits that it is
    ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("taken", [1, 3])
def test_ctrl_c_is_raised_at_the_next_job_and_after_the_last_one(taken: int) -> None:
    results = parallel.in_order_by_threads(Thread(), [0.0, 0.0, 0.0], threads=2)
    for _ in range(taken):
        next(results)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("listening")
def test_ctrl_c_during_the_shutdown_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), parallel._interrupted_between_jobs():
        signal.raise_signal(signal.SIGINT)


def test_threads_wait_for_their_results_to_be_taken(tmp_path: Path) -> None:
    results = parallel.in_order_by_threads(Leave(tmp_path), range(1000), threads=2)
    next(results)
    time.sleep(0.3)
    assert 1 <= len(list(tmp_path.iterdir())) <= 8
    results.close()


SCRIPT = """
import signal
import sys
from pipeline.common import parallel
from tests.common.test_parallel import Act
if __name__ == "__main__":
    # Whatever a shell starts in the background inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for process, job in parallel.in_order(Act(), [0.01] * 100_000, processes=2):
            print(process, flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(
    how: signal.Signals, tmp_path: Path, repository: Path
) -> None:
    script = tmp_path / "work.py"
    script.write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(repository)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    workers: set[int] = set()
    while len(workers) < 2:
        workers.add(int(parent.stdout.readline()))
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)  # as Ctrl-C does
    else:
        parent.send_signal(how)
    # The workers hold the pipes' other ends: these end when the last of them has.
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert "Traceback" not in errors
