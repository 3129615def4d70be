"""The push, step by step, each step taken once: whoever runs it again carries on where it was.

Before a request that must not act twice the ledger gets an intent, after its answer a done. What
Kaggle itself lists goes before both, since it outlives a lost ledger.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress
from pipeline.kaggle.api import competitions, kernels
from pipeline.kaggle.api.competitions import Submission
from pipeline.kaggle.api.errors import KaggleError, PushRefused, Refusal
from pipeline.kaggle.kernel import Kernel
from pipeline.kaggle.submit import follow, receipt
from pipeline.kaggle.submit import plan as plans
from pipeline.kaggle.submit.ledger import DONE, INTENT, PUSH, REFUSED, SUBMIT, Entry
from pipeline.kaggle.submit.plan import Plan
from pipeline.submission import images_zip

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Kaggle, Submit

ZIP = "images.zip"
_RECORD = {"kernel_version": "version", "zip_sha256": "zip_sha256"}  # receipt's name: ledger's


@contextmanager
def under_way(
    paths: "Paths", kaggle: "Kaggle", submit: "Submit", *, key: str
) -> Iterator[tuple[Plan, Submission | None]]:
    """Log in, with the lock held that keeps a second submission out; yields the plan and, where
    Kaggle has it already, our submission of this very key.

    Raises:
        PreflightFailed: inside an experiment of DVC.
        KaggleError: as `Client` and `already`.
    """
    receipt.refuse_in_experiments()
    with files.locked(paths.submit_lock, on_wait=_say_waiting):
        planned = plans.make(kaggle, submit, key=key, ledger=paths.ledger)
        yield planned, already(planned)


def already(plan: Plan) -> Submission | None:
    """Our submission of this very key, where Kaggle lists one.

    Raises:
        KaggleError: the ledger knows of one that Kaggle does not list.
    """
    found = competitions.find(plan.client, plan.competition, plan.mark)
    last = plan.ledger.last(plan.key, SUBMIT, competition=plan.competition)
    if found is None and last is not None and last.state == INTENT:
        _let_arrive(plan, last)
        found = competitions.find(plan.client, plan.competition, plan.mark)
    if found is None and last is not None and last.state == DONE:
        raise KaggleError(
            f"{plan.ledger.path.name} has this as submission {last.facts.get('ref')}, but Kaggle "
            "does not list it: log in with the account that sent it, or take its lines out of the "
            "ledger to send it again"
        )
    if found is not None and (last is None or last.state != DONE):
        facts = {"competition": plan.competition} if last is None else last.facts
        plan.ledger.note(plan.key, SUBMIT, DONE, **{**facts, "ref": found.ref})
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
    last = plan.ledger.last(plan.key, PUSH, kernel=kernel.id)
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


def fetch_zip(plan: Plan, kernel: Kernel, path: Path, *, count: int) -> images_zip.Facts:
    """Fetch the kernel's zip to `path` and check it.

    Raises:
        OutputMissing: there is none.
        SubmissionInvalid: Kaggle's evaluator would refuse it.
    """
    kernels.fetch(plan.client, kernel, ZIP, path)
    return images_zip.check(path, count=count)


def send_kernel(plan: Plan, kernel: Kernel, version: int, zip_sha256: str) -> int:
    """Submit what the kernel's version left. Returns the submission's ref."""
    follow.require_newest(plan, kernel, version)
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


def record(plan: Plan) -> dict[str, Any]:
    """What the ledger knows of the kernel's submission, for the receipt."""
    last = plan.ledger.last(plan.key, SUBMIT, competition=plan.competition)
    facts = last.facts if last is not None else {}
    return {name: facts.get(fact) for name, fact in _RECORD.items()}


def _let_arrive(plan: Plan, intent: Entry) -> None:
    """Whoever noted this intent was killed, perhaps a moment ago and with the request under way:
    wait until it has arrived or never will."""
    # The clock of another machine, whose ledger this was, may be ahead.
    left_s = 2 * plan.client.patience.timeout_s - max(0.0, intent.age_s)
    if left_s > 0:
        progress.say(
            f"an earlier run was stopped {intent.age_s:.0f} s ago while it sent this: "
            f"giving it {left_s:.0f} s to arrive"
        )
        time.sleep(left_s)


def _say_waiting() -> None:
    progress.say("another submission is under way here: waiting for it to end")
