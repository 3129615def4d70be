"""Push and submit, step by step, each step taken once: a second run continues where it was.

Before a request that must not act twice the ledger gets an intent, after its answer a done. What
Kaggle itself lists counts more than both, since a ledger can be lost.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress
from pipeline.competitions.form import SubmissionFormat
from pipeline.kaggle.api import competitions, kernels
from pipeline.kaggle.api.competitions import Submission
from pipeline.kaggle.api.errors import KaggleError, PushRefused, Refusal
from pipeline.kaggle.kernel import Kernel
from pipeline.kaggle.submit import follow, receipt
from pipeline.kaggle.submit import plan as plans
from pipeline.kaggle.submit.ledger import DONE, FAILED, INTENT, PUSH, REFUSED, SUBMIT, Event
from pipeline.kaggle.submit.plan import Plan
from pipeline.submission.reader import ZipSummary, check_zip

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Kaggle, Submit

ZIP = "images.zip"
_OF_THE_MACHINE = re.compile(r"torch \S+, GPUs: .*|note: \S+ was asked for, .*")
_LEDGERS_NAMES = {"kernel_version": "version", "zip_sha256": "zip_sha256"}  # by the receipt's


@contextmanager
def planned(
    paths: "Paths", competition: str, kaggle: "Kaggle", submit: "Submit", *, key: str
) -> Iterator[tuple[Plan, Submission | None]]:
    """Log in, and hold the lock that keeps a second submission out.

    Yields:
        The plan and, where Kaggle has it already, our submission of this very key.

    Raises:
        PreflightFailed: in an experiment of DVC.
        KaggleError: as `Client` and `find_sent`.
    """
    receipt.refuse_in_experiments()
    with files.locked(paths.submit_lock, on_wait=_say_waiting):
        plan = plans.make(competition, kaggle, submit, key=key, ledger=paths.ledger)
        yield plan, find_sent(plan)


def find_sent(plan: Plan) -> Submission | None:
    """Return our submission of this very key, or None where Kaggle lists none.

    Raises:
        KaggleError: the ledger has one that Kaggle does not list.
    """
    sent = competitions.find(plan.client, plan.competition, plan.mark)
    last = plan.ledger.last(plan.key, SUBMIT, competition=plan.competition)
    if sent is None and last is not None and last.state == INTENT:
        _wait_for_arrival(plan, last)
        sent = competitions.find(plan.client, plan.competition, plan.mark)
    if sent is None and last is not None and last.state == DONE:
        raise KaggleError(
            f"{plan.ledger.path.name} has this as submission {last.facts.get('ref')}, but Kaggle "
            "does not list it: log in with the account that sent it, or take its lines out of the "
            "ledger to send it again"
        )
    if sent is not None and (last is None or last.state != DONE):
        facts = {"competition": plan.competition} if last is None else last.facts
        plan.ledger.append(plan.key, SUBMIT, DONE, **{**facts, "ref": sent.ref})
    return sent


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
        if not _is_gone(plan, kernel, last):
            return int(last.facts["version"])
        progress.say(f"{kernel.id} is on Kaggle no more: pushing it anew")
        plan.ledger.append(plan.key, PUSH, FAILED, kernel=kernel.id, failed=0, gone=True)
        last = None
    failed = int(last.facts.get("failed", 0)) if last is not None else 0
    others = plan.ledger.newest_version(kernel.id, other_than=plan.key)
    if last is not None and last.state == INTENT:
        _wait_for_arrival(plan, last)
    newer_than = max(failed, others)
    version = kernels.find_version(plan.client, kernel, newer_than=newer_than)
    if version is None:
        if failed:
            progress.say(f"version {failed} of this very code failed: pushing it once more")
        plan.ledger.append(plan.key, PUSH, INTENT, kernel=kernel.id, failed=failed)
        try:
            version = kernels.push(plan.client, folder, kernel, newer_than=newer_than)
        except (Refusal, PushRefused) as error:
            # A version that Kaggle made all the same runs without its data, and is of no use.
            failed = getattr(error, "version", 0) or failed
            plan.ledger.append(plan.key, PUSH, REFUSED, kernel=kernel.id, failed=failed)
            raise
    plan.ledger.append(plan.key, PUSH, DONE, kernel=kernel.id, version=version)
    progress.say(f"pushed {kernel.id} version {version}")
    return version


def _is_gone(plan: Plan, kernel: Kernel, push: Event) -> bool:
    """Return whether a kernel was deleted on Kaggle after its push. Right after a push Kaggle may
    not show it yet."""
    is_old = push.age_s > follow.SETTLED_S
    return is_old and kernels.newest_version(plan.client, kernel) is None


def fetch_zip(
    plan: Plan, kernel: Kernel, path: Path, form: SubmissionFormat, *, count: int
) -> ZipSummary:
    """Fetch the kernel's zip to `path` and check that it holds `count` images of the format. Say
    what the run had for a machine: Kaggle can give another than the one that was asked for.

    Raises:
        OutputMissing: there is none.
        SubmissionInvalid: Kaggle's evaluator would refuse it.
    """
    log = kernels.fetch(plan.client, kernel, ZIP, path)
    for line in log.splitlines():
        if said := _OF_THE_MACHINE.search(line):
            progress.say(f"the kernel's log: {said[0]}")
    return check_zip(path, form, count=count)


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
    """Call `send` between the ledger's events. Returns the submission's ref."""
    plan.ledger.append(plan.key, SUBMIT, INTENT, **facts)
    try:
        ref = send()
    except Refusal:
        plan.ledger.append(plan.key, SUBMIT, REFUSED, **facts)
        raise
    plan.ledger.append(plan.key, SUBMIT, DONE, ref=ref, **facts)
    progress.say(f"submitted as {ref}")
    return ref


def kernel_facts(plan: Plan) -> dict[str, Any]:
    """Return what the ledger has about the kernel's submission, for the receipt."""
    last = plan.ledger.last(plan.key, SUBMIT, competition=plan.competition)
    facts = last.facts if last is not None else {}
    return {name: facts.get(ledgers) for name, ledgers in _LEDGERS_NAMES.items()}


def _wait_for_arrival(plan: Plan, intent: Event) -> None:
    """Wait until a request has arrived or never will: the run that noted this intent was killed,
    perhaps a moment ago, while the request was on its way."""
    # The clock of another machine, whose ledger this was, may be ahead.
    left_s = 2 * plan.client.policy.timeout_s - max(0.0, intent.age_s)
    if left_s > 0:
        progress.say(
            f"an earlier run was stopped {intent.age_s:.0f} s ago while it sent this: "
            f"giving it {left_s:.0f} s to arrive"
        )
        time.sleep(left_s)


def _say_waiting() -> None:
    progress.say("another submission is under way here: waiting for it to end")
