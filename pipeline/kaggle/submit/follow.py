"""Follow what takes Kaggle hours: a kernel's run and a submission's scoring."""

import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.common import progress
from pipeline.kaggle.api import competitions, kernels
from pipeline.kaggle.api.competitions import Submission
from pipeline.kaggle.api.errors import (
    AccessRefused,
    KaggleError,
    KernelFailed,
    KernelUnfinished,
    NotFound,
    SubmissionRefused,
    Unavailable,
)
from pipeline.kaggle.api.kernels import Session
from pipeline.kaggle.kernel import Kernel
from pipeline.kaggle.submit.ledger import FAILED, PUSH
from pipeline.kaggle.submit.plan import Plan

T = TypeVar("T")

_UNFINISHED = ("QUEUED", "RUNNING", "NEW_SCRIPT")
SETTLED_S = 300.0  # after a push Kaggle may show the version before for a while


def kernel_run(plan: Plan, kernel: Kernel, version: int) -> None:
    """Follow a version's run to its end.

    Raises:
        KernelFailed: it ended in an error, was cancelled, or is not the newest version any more.
        KernelUnfinished: the deadline came first.
    """
    require_newest(plan, kernel, version)
    with _StatusLine(f"kernel version {version}", plan) as line:
        while True:
            session = _answer_or_none(lambda: _session(plan, kernel, version), plan)
            if session is not None and session.status not in _UNFINISHED:
                break
            line.show(session.status.lower() if session else "no answer from Kaggle")
            line.wait()
        line.show(session.status.lower())
    if session.status != "COMPLETE":
        # First of all: whatever Kaggle says of the log, the next run is to push anew.
        plan.ledger.append(plan.key, PUSH, FAILED, kernel=kernel.id, failed=version)
        raise KernelFailed(
            f"version {version} of {kernel.id} ended as {session.status.lower()}"
            f"{f' ({session.failure})' if session.failure else ''}; {_end_of_log(plan, kernel)}"
        )


def _end_of_log(plan: Plan, kernel: Kernel) -> str:
    try:
        return f"the end of its log: {kernels.tail(kernels.output(plan.client, kernel).log)}"
    except KaggleError as error:
        return f"its log cannot be had ({error})"


def _session(plan: Plan, kernel: Kernel, version: int) -> Session:
    """Return the run of our version. Kaggle answers for the newest version that it knows: soon
    after a push this may be none, or the one before."""
    push = plan.ledger.last(plan.key, PUSH, kernel=kernel.id)
    settled = push is None or push.age_s > SETTLED_S
    not_yet = Session("QUEUED", "")
    try:
        session = kernels.session(plan.client, kernel)
    except (AccessRefused, NotFound):
        if settled:
            raise
        return not_yet
    if session.status in _UNFINISHED or settled:
        return session
    try:
        log = kernels.output(plan.client, kernel).log
    except (AccessRefused, NotFound):
        if session.status == "COMPLETE":
            raise
        # A run that failed early may have left none; before a first version there was no other.
        return session if version == 1 else not_yet
    return session if kernel.log_mark in log else not_yet


def require_newest(plan: Plan, kernel: Kernel, version: int) -> None:
    """Require that a version is the newest: Kaggle shows the run of no other.

    Raises:
        KernelFailed: somebody pushed a newer one.
    """
    newest = kernels.newest_version(plan.client, kernel)
    if newest is not None and newest.number > version:
        plan.ledger.append(plan.key, PUSH, FAILED, kernel=kernel.id, failed=newest.number)
        raise KernelFailed(
            f"{kernel.id} has a version {newest.number} on Kaggle, newer than the {version} that "
            "was pushed here: submit that one by hand there, or run `make submit` again to push "
            "this kernel anew"
        )
    asked = kernel.metadata.get("machine_shape")
    if newest is not None and newest.machine_shape not in ("", asked):
        progress.say(
            f"warning: kaggle.machine_shape asks for {asked}, Kaggle runs it on "
            f"{newest.machine_shape}"
        )


def scoring(plan: Plan) -> Submission:
    """Follow the scoring to its end, and return the scored submission.

    Raises:
        SubmissionRefused: Kaggle's evaluator did not take it.
        KernelUnfinished: the deadline came first.
    """
    with _StatusLine("scoring", plan) as line:
        while True:
            submission = _answer_or_none(
                lambda: competitions.find(plan.client, plan.competition, plan.mark), plan
            )
            if submission is not None and submission.status != "PENDING":
                break
            line.show("pending")
            line.wait()
        line.show(submission.status.lower())
    if submission.status == "ERROR":
        raise SubmissionRefused(
            f"Kaggle's evaluator refused submission {submission.ref}: "
            f"{submission.error or 'no reason given'}"
        )
    return submission


def _answer_or_none(ask: Callable[[], T], plan: Plan) -> T | None:
    """Return an answer, or None where Kaggle gives none now: hours of training are not given up
    for minutes without a network."""
    try:
        return ask()
    except Unavailable:
        if plan.is_late:
            raise
        return None


class _StatusLine:
    """Prints each new state once, and on a terminal how long it has lasted."""

    def __init__(self, what: str, plan: Plan) -> None:
        self._what = what
        self._plan = plan
        self._state = ""
        self._bar = progress.live()

    def __enter__(self) -> "_StatusLine":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, state: str) -> None:
        """Print the state where it is new."""
        if state != self._state:
            progress.say(f"{self._what}: {state} ({self._plan.minutes:.0f} min)")
        self._state = state
        self._bar.set_description_str(f"{self._what}: {state}, {self._plan.minutes:.0f} min")

    def wait(self) -> None:
        """Wait until the next question to Kaggle.

        Raises:
            KernelUnfinished: the deadline has passed.
        """
        if self._plan.is_late:
            raise KernelUnfinished(
                f"{self._what}: still {self._state} after {self._plan.deadline_hours:g} h "
                "(submit.deadline_hours); run `make submit` again to go on following"
            )
        time.sleep(self._plan.poll_s)
