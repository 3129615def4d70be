"""Stage `submit-kernel`: kernels/dcgan is checked and, if submit.mode is kernel, pushed, followed,
its zip fetched, checked and submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.common import progress
from pipeline.kaggle import kernel as built_kernel
from pipeline.kaggle.submit import follow, receipt, submission
from pipeline.kaggle.submit.preflight import Preflight

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Kaggle, Submit

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
    with submission.under_way(paths, kaggle, submit, key=kernel.key) as (planned, found):
        preflight.ask_account(planned.client, kernel)
        preflight.ask_kaggle(
            planned.client, kaggle.competition, with_file=False, already=found is not None
        )
        preflight.settle()
        if found is None:
            version = submission.push(planned, paths.kernel, kernel)
            follow.kernel_run(planned, kernel, version)
            made = submission.fetch_zip(planned, kernel, paths.kernel_zip, count=count)
            submission.send_kernel(planned, kernel, version, made.sha256)
        scored = follow.scoring(planned)
        receipt.write(paths.submission, scored, **record, **submission.record(planned))
