"""Killed at any point and run again: one submission, one push, no more."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.common.paths import Paths
from tests.kaggle import runs
from tests.standins.kaggle_api import KaggleStandIn
from tests.standins.kaggle_http import Entry

MODES = {"file": runs.submit_zip, "kernel": runs.submit_bundle}

# A server without threads that forks a child for each run, with everything imported already: a
# Python of its own for each would take a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.kaggle.runs", "pydantic", "ruamel.yaml", "requests"])


# The requests of a run, in order; a second and a third of the same name are told apart.
PREFLIGHT = ["IntrospectToken", "ListSubmissions", "GetCompetition", "GetSubmissionLimits"]
SCORING = ["ListSubmissions 2", "ListSubmissions 3"]
REQUESTS = {
    "file": [*PREFLIGHT, "StartSubmissionUpload", "PUT", "CreateSubmission", *SCORING],
    "kernel": [
        *PREFLIGHT[:2],
        "GetAcceleratorQuotaStatistics",
        *PREFLIGHT[2:],
        "GetKernel",
        "SaveKernel",
        "GetKernel 2",
        "GetKernelSessionStatus",
        "ListKernelSessionOutput",
        "ListKernelSessionOutput 2",
        "GET",
        "GetKernel 3",
        "CreateCodeSubmission",
        *SCORING,
    ],
}
ACTING = ["PUT", "CreateSubmission", "SaveKernel", "CreateCodeSubmission"]
# To be killed before a request is to be killed after all that came before it; only where a request
# does something it matters whether it had done it.
MOMENTS = [
    pytest.param(mode, moment, request, marks=pytest.mark.slow if is_twin else ())
    for mode, requests in REQUESTS.items()
    for request in requests
    for moment in ("before", "after")
    if moment == "before" or request in ACTING
    for is_twin in [mode == "kernel" and request in (*PREFLIGHT, *SCORING)]
]


def child(mode: str, root: Path, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    os.environ.pop("DVC_EXP_NAME", None)
    MODES[mode](Paths(root), {"kaggle.timeout_s": 0.3})


def run(
    mode: str, paths: Paths, kaggle: KaggleStandIn, kill: tuple[str, str] | None = None
) -> int | None:
    """Run the stage in a process, killed at a moment of a request: "before" it does something, or
    "after", before it is answered. Returns the exit code, negative for a signal."""
    process = FORKS.Process(target=child, args=(mode, paths.root, kaggle.environment()))
    started = threading.Event()

    def watch(moment: str, entry: Entry) -> None:
        with kaggle.lock:
            number = sum(one.call == entry.call for one in kaggle.server.log)
        name = entry.call if number == 1 else f"{entry.call} {number}"
        if (moment, name) == kill:
            started.wait(60)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            # Not join: the exit code can be read once only, and the test's own thread reads it.
            multiprocessing.connection.wait([process.sentinel], timeout=60)

    kaggle.server.log.clear()
    kaggle.server.watch = watch
    process.start()
    started.set()  # its number is known only now
    process.join(60)
    return process.exitcode


@pytest.fixture
def paths(tmp_path: Path, kaggle: KaggleStandIn) -> Paths:
    paths = Paths(tmp_path / "checkout")
    runs.write_zip(paths.images_zip)
    runs.write_kernel(paths, kaggle)
    return paths


@pytest.mark.parametrize(("mode", "moment", "request_name"), MOMENTS)
def test_killed_at_a_request_and_run_again(
    kaggle: KaggleStandIn, paths: Paths, mode: str, moment: str, request_name: str
) -> None:
    assert run(mode, paths, kaggle, (moment, request_name)) == -signal.SIGKILL
    assert run(mode, paths, kaggle) == 0
    assert len(kaggle.submissions) == 1
    assert [len(one.pushes) for one in kaggle.kernels.values()] == ([1] if mode == "kernel" else [])


@pytest.mark.parametrize("mode", REQUESTS)
def test_the_moments_cover_every_request(kaggle: KaggleStandIn, paths: Paths, mode: str) -> None:
    assert run(mode, paths, kaggle) == 0
    sent = [entry.call for entry in kaggle.server.log]
    expected = [name.split()[0] for name in REQUESTS[mode]]
    asked = "GetKernelSessionStatus"  # as often as the kernel takes time
    assert list(dict.fromkeys(sent)) == list(dict.fromkeys(expected))
    assert len(sent) - sent.count(asked) == len(expected) - expected.count(asked)


def test_two_at_once_submit_once(kaggle: KaggleStandIn, paths: Paths) -> None:
    """The second waits for the first, and finds its submission."""
    pair = [
        FORKS.Process(target=child, args=("file", paths.root, kaggle.environment()))
        for _ in range(2)
    ]
    for process in pair:
        process.start()
    for process in pair:
        process.join(60)
    assert [process.exitcode for process in pair] == [0, 0]
    assert len(kaggle.submissions) == 1
