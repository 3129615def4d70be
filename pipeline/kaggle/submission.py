"""The push, step by step, each step taken once: whoever runs it again carries on where it was.

Before a request that must not act twice the ledger gets an intent, after its answer a done. What
Kaggle itself lists goes before both, since it outlives a lost ledger.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline import progress, submission_zip
from pipeline.kaggle import competitions, kernels
from pipeline.kaggle.client import Client
from pipeline.kaggle.competitions import Submission
from pipeline.kaggle.errors import (
    KaggleError,
    KernelFailed,
    KernelUnfinished,
    PushRefused,
    Refusal,
    SubmissionRefused,
    Unavailable,
)
from pipeline.kaggle.kernel import Kernel
from pipeline.kaggle.ledger import DONE, FAILED, INTENT, PUSH, REFUSED, SUBMIT, Entry, Ledger
from pipeline.kaggle.retry import Patience

if TYPE_CHECKING:
    from pipeline.params import Kaggle, Submit

T = TypeVar("T")

ZIP = "images.zip"
_RECORD = {"kernel_version": "version", "zip_sha256": "zip_sha256"}  # receipt's name: ledger's
_MARK = 16  # digits of the key in a description: enough to be unique, short enough to read


@dataclass(frozen=True)
class Plan:
    """What is submitted, where, under which words, and how long it is followed."""

    client: Client
    ledger: Ledger
    competition: str
    message: str
    key: str
    deadline_hours: float
    poll_s: float
    started: float

    @property
    def mark(self) -> str:
        """What finds the submission in Kaggle's list."""
        return self.key[:_MARK]

    @property
    def description(self) -> str:
        return f"{self.message} [{self.mark}]"

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self.started > self.deadline_hours * 3600


def plan(kaggle: "Kaggle", submit: "Submit", *, key: str, ledger: Path) -> Plan:
    """Log in, and start the clock."""
    patience = Patience(
        timeout_s=kaggle.timeout_s, retries=kaggle.retries, delay_s=kaggle.retry_delay_s
    )
    return Plan(
        client=Client(patience),
        ledger=Ledger(ledger),
        competition=kaggle.competition,
        message=submit.message,
        key=key,
        deadline_hours=submit.deadline_hours,
        poll_s=submit.poll_s,
        started=time.monotonic(),
    )


def already(plan: Plan) -> Submission | None:
    """Our submission of this very key, where Kaggle lists one.

    Raises:
        KaggleError: the ledger knows of one that Kaggle does not list.
    """
    found = competitions.find(plan.client, plan.competition, plan.mark)
    last = plan.ledger.last(plan.key, SUBMIT)
    if found is None and last is not None and last.state == INTENT:
        _let_arrive(plan, last)
        found = competitions.find(plan.client, plan.competition, plan.mark)
    if found is None and last is not None and last.state == DONE:
        raise KaggleError(
            f"{plan.ledger.path.name} has this as submission {last.facts.get('ref')}, but Kaggle "
            "does not list it: log in with the account that sent it, or take its lines out of the "
            "ledger to send it again"
        )
    if found is not None and (last is None or last.state == INTENT):
        plan.ledger.note(plan.key, SUBMIT, DONE, ref=found.ref, competition=plan.competition)
    return found


def send_file(plan: Plan, path: Path) -> int:
    """Upload a zip and submit it. Returns the submission's ref."""
    token = competitions.upload(plan.client, plan.competition, path)

    def send() -> int:
        return competitions.submit_file(
            plan.client, plan.competition, token, description=plan.description, mark=plan.mark
        )

    return _submit(plan, send, {"competition": plan.competition})


def push(plan: Plan, folder: Path, kernel: Kernel) -> int:
    """Push the kernel, unless Kaggle has this version. Returns the version's number."""
    last = plan.ledger.last(plan.key, PUSH)
    if last is not None and last.state == DONE:
        return int(last.facts["version"])
    failed = int(last.facts.get("failed", 0)) if last is not None else 0
    if last is not None and last.state == INTENT:
        _let_arrive(plan, last)
    version = kernels.find_version(plan.client, kernel, newer_than=failed)
    if version is None:
        if failed:
            progress.say(f"version {failed} of this very code failed: pushing it once more")
        plan.ledger.note(plan.key, PUSH, INTENT, kernel=kernel.id, failed=failed)
        try:
            version = kernels.push(plan.client, folder, kernel, newer_than=failed)
        except (Refusal, PushRefused) as error:
            # A version that Kaggle made all the same runs without its data, and is of no use.
            failed = getattr(error, "version", 0) or failed
            plan.ledger.note(plan.key, PUSH, REFUSED, kernel=kernel.id, failed=failed)
            raise
    plan.ledger.note(plan.key, PUSH, DONE, kernel=kernel.id, version=version)
    progress.say(f"pushed {kernel.id} version {version}")
    return version


def wait_for_kernel(plan: Plan, kernel: Kernel, version: int) -> None:
    """Follow the run to its end.

    Raises:
        KernelFailed: it ended in an error, was cancelled, or is not the newest version any more.
        KernelUnfinished: the deadline came first.
    """
    _require_newest(plan, kernel, version)
    with _Line(f"kernel version {version}", plan) as line:
        while (now := _look(lambda: kernels.session(plan.client, kernel), plan)) is None or (
            now.status in ("QUEUED", "RUNNING", "NEW_SCRIPT")
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


def fetch_zip(plan: Plan, kernel: Kernel, path: Path, *, count: int) -> submission_zip.Facts:
    """Fetch the kernel's zip to `path` and check it.

    Raises:
        OutputMissing: there is none.
        SubmissionInvalid: Kaggle's evaluator would refuse it.
    """
    kernels.fetch(plan.client, kernel, ZIP, path)
    return submission_zip.check(path, count=count)


def send_kernel(plan: Plan, kernel: Kernel, version: int, zip_sha256: str) -> int:
    """Submit what the kernel's version left. Returns the submission's ref."""
    _require_newest(plan, kernel, version)
    facts = {"competition": plan.competition, "version": version, "zip_sha256": zip_sha256}

    def send() -> int:
        return competitions.submit_kernel(
            plan.client,
            plan.competition,
            kernel=kernel.id,
            version=version,
            file_name=ZIP,
            description=plan.description,
            mark=plan.mark,
        )

    return _submit(plan, send, facts)


def _submit(plan: Plan, send: Callable[[], int], facts: dict[str, Any]) -> int:
    plan.ledger.note(plan.key, SUBMIT, INTENT, **facts)
    try:
        ref = send()
    except Refusal:
        plan.ledger.note(plan.key, SUBMIT, REFUSED, **facts)
        raise
    plan.ledger.note(plan.key, SUBMIT, DONE, ref=ref, **facts)
    progress.say(f"submitted as {ref}")
    return ref


def wait_for_score(plan: Plan) -> Submission:
    """Follow the scoring to its end.

    Raises:
        SubmissionRefused: Kaggle's evaluator did not take it.
        KernelUnfinished: the deadline came first.
    """
    with _Line("scoring", plan) as line:
        while True:
            now = _look(lambda: competitions.find(plan.client, plan.competition, plan.mark), plan)
            if now is not None and now.status != "PENDING":
                line.show(now.status.lower(), wait=False)
                break
            line.show("pending")
    if now.status == "ERROR":
        raise SubmissionRefused(
            f"Kaggle's evaluator refused submission {now.ref}: {now.error or 'no reason given'}"
        )
    return now


def record(plan: Plan) -> dict[str, Any]:
    """What the ledger knows of the kernel's submission, for the receipt."""
    last = plan.ledger.last(plan.key, SUBMIT)
    facts = last.facts if last is not None else {}
    return {name: facts.get(fact) for name, fact in _RECORD.items()}


def _let_arrive(plan: Plan, intent: Entry) -> None:
    """Whoever noted this intent was killed, perhaps a moment ago and with the request under way:
    wait until it has arrived or never will."""
    time.sleep(max(0.0, 2 * plan.client.patience.timeout_s - intent.age_s))


def say_waiting() -> None:
    """For who finds the lock taken."""
    progress.say("another submission is under way here: waiting for it to end")


def _require_newest(plan: Plan, kernel: Kernel, version: int) -> None:
    newest = kernels.newest_version(plan.client, kernel)
    if newest is not None and newest[0] > version:
        raise KernelFailed(
            f"{kernel.id} has a version {newest[0]} on Kaggle, newer than the {version} that was "
            "pushed here: submit by hand there, or run `make bundle` and push anew"
        )


def _look(ask: Callable[[], T], plan: Plan) -> T | None:
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
        minutes = (time.monotonic() - self.plan.started) / 60
        if state != self.state:
            progress.say(f"{self.what}: {state} ({minutes:.0f} min)")
        self.state = state
        self.bar.set_description_str(f"{self.what}: {state}, {minutes:.0f} min")
        if not wait:
            return
        if self.plan.is_late:
            raise KernelUnfinished(
                f"{self.what}: still {state} after {self.plan.deadline_hours:g} h "
                "(submit.deadline_hours); run `make submit` again to go on following"
            )
        time.sleep(self.plan.poll_s)
