"""Watching what takes Kaggle hours: a kernel's run and a submission's scoring."""

import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.common import progress
from pipeline.kaggle.api import competitions, kernels
from pipeline.kaggle.api.competitions import Submission
from pipeline.kaggle.api.errors import (
    AccessRefused,
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

_WAITING = ("QUEUED", "RUNNING", "NEW_SCRIPT")
_SETTLED_S = 300.0  # after a push Kaggle may show the version before for a while


def kernel_run(plan: Plan, kernel: Kernel, version: int) -> None:
    """Follow a version's run to its end.

    Raises:
        KernelFailed: it ended in an error, was cancelled, or is not the newest version any more.
        KernelUnfinished: the deadline came first.
    """
    require_newest(plan, kernel, version)
    with _Line(f"kernel version {version}", plan) as line:
        while (now := _patiently(lambda: _session(plan, kernel), plan)) is None or (
            now.status in _WAITING
        ):
            line.show(now.status.lower() if now else "no answer from Kaggle")
        line.show(now.status.lower(), wait=False)
    if now.status != "COMPLETE":
        log = kernels.output(plan.client, kernel).log
        plan.ledger.note(plan.key, PUSH, FAILED, kernel=kernel.id, failed=version)
        raise KernelFailed(
            f"version {version} of {kernel.id} ended as {now.status.lower()}"
            f"{f' ({now.failure})' if now.failure else ''}; the end of its log: {kernels.tail(log)}"
        )


def _session(plan: Plan, kernel: Kernel) -> Session:
    """The run of our version: Kaggle tells of the newest it knows, which soon after a push may be
    none or the one before."""
    push = plan.ledger.last(plan.key, PUSH, kernel=kernel.id)
    settled = push is None or push.age_s > _SETTLED_S
    not_yet = Session("QUEUED", "")
    try:
        now = kernels.session(plan.client, kernel)
    except (AccessRefused, NotFound):
        if settled:
            raise
        return not_yet
    if now.status in _WAITING or settled:
        return now
    return now if kernel.log_mark in kernels.output(plan.client, kernel).log else not_yet


def require_newest(plan: Plan, kernel: Kernel, version: int) -> None:
    """Kaggle tells of a kernel's newest version only, so that an older one cannot be followed.

    Raises:
        KernelFailed: somebody pushed a newer one.
    """
    newest = kernels.newest_version(plan.client, kernel)
    if newest is not None and newest[0] > version:
        plan.ledger.note(plan.key, PUSH, FAILED, kernel=kernel.id, failed=newest[0])
        raise KernelFailed(
            f"{kernel.id} has a version {newest[0]} on Kaggle, newer than the {version} that was "
            "pushed here: submit that one by hand there, or run `make submit` again to push this "
            "kernel anew"
        )


def scoring(plan: Plan) -> Submission:
    """Follow the scoring to its end.

    Raises:
        SubmissionRefused: Kaggle's evaluator did not take it.
        KernelUnfinished: the deadline came first.
    """
    with _Line("scoring", plan) as line:
        while True:
            now = _patiently(
                lambda: competitions.find(plan.client, plan.competition, plan.mark), plan
            )
            if now is not None and now.status != "PENDING":
                line.show(now.status.lower(), wait=False)
                break
            line.show("pending")
    if now.status == "ERROR":
        raise SubmissionRefused(
            f"Kaggle's evaluator refused submission {now.ref}: {now.error or 'no reason given'}"
        )
    return now


def _patiently(ask: Callable[[], T], plan: Plan) -> T | None:
    """An answer, or None where Kaggle is away for a while: hours of training are not given up for
    minutes without a network."""
    try:
        return ask()
    except Unavailable:
        if plan.is_late:
            raise
        return None


class _Line:
    """Says each new state in a line, and how long it has lasted in a live one."""

    def __init__(self, what: str, plan: Plan) -> None:
        self.what = what
        self.plan = plan
        self.state = ""
        self.bar = progress.live()

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def show(self, state: str, *, wait: bool = True) -> None:
        if state != self.state:
            progress.say(f"{self.what}: {state} ({self.plan.minutes:.0f} min)")
        self.state = state
        self.bar.set_description_str(f"{self.what}: {state}, {self.plan.minutes:.0f} min")
        if not wait:
            return
        if self.plan.is_late:
            raise KernelUnfinished(
                f"{self.what}: still {state} after {self.plan.deadline_hours:g} h "
                "(submit.deadline_hours); run `make submit` again to go on following"
            )
        time.sleep(self.plan.poll_s)
