"""Stage `submit-kernel`: kernels/dcgan is checked and, if submit.mode is kernel, pushed, followed,
its zip fetched, checked and submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import files, progress
from pipeline.kaggle import kernel as built_kernel
from pipeline.kaggle import receipt, submission
from pipeline.kaggle.preflight import Preflight

if TYPE_CHECKING:
    from pipeline.params import Kaggle, Submit
    from pipeline.paths import Paths

SECTIONS = ("kaggle", "submit")


def run(paths: Paths, *, kaggle: Kaggle, submit: Submit) -> None:
    """Check the kernel; push, run and submit it once; write `paths.submission`.

    Raises:
        PreflightFailed: something is wrong; nothing was sent.
        KaggleError: what Kaggle answered, and what became of the kernel.
    """
    sends = submit.mode == "kernel"
    kernel = built_kernel.load(paths.kernel)
    progress.heading(
        "submit-kernel", f"{kernel.code_file} -> {kaggle.competition if sends else 'dry run'}"
    )
    inside = kernel.parameters["params"]
    count = inside["package"]["count"]
    preflight = Preflight()
    preflight.ask_kernel(kernel, kaggle.competition)
    preflight.ask_count(kaggle.competition, count, sends=sends)
    preflight.ask_score(paths.metrics)
    preflight.settle()
    record = {
        "mode": submit.mode,
        "competition": kaggle.competition,
        "kernel": kernel.id,
        "code_sha256": kernel.key,
        "images": count,
        **receipt.local_score(paths.metrics),
        "parameters": inside,
    }
    if not sends:
        receipt.write(paths.submission, None, **record)
        return
    receipt.refuse_in_experiments()
    with files.locked(paths.submit_lock, on_wait=submission.say_waiting):
        plan = submission.plan(kaggle, submit, key=kernel.key, ledger=paths.ledger)
        found = submission.already(plan)
        preflight.ask_account(plan.client, kernel)
        preflight.ask_kaggle(
            plan.client, kaggle.competition, with_file=False, already=found is not None
        )
        preflight.settle()
        if found is None:
            version = submission.push(plan, paths.kernel, kernel)
            submission.wait_for_kernel(plan, kernel, version)
            made = submission.fetch_zip(plan, kernel, paths.kernel_zip, count=count)
            submission.send_kernel(plan, kernel, version, made.sha256)
        scored = submission.wait_for_score(plan)
        receipt.write(paths.submission, scored, **record, **submission.record(plan))
