"""Stage `submit-kernel`: kernels/dcgan is checked and, if submit.mode is kernel, pushed, followed,
its zip fetched, checked and submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.competitions.registry import profile_of
from pipeline.kaggle import kernel as built_kernel
from pipeline.kaggle.submit import follow, receipt, submission
from pipeline.kaggle.submit.preflight import Preflight

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Kaggle, Submit

SECTIONS = ("competition", "kaggle", "submit")


def run(paths: Paths, *, competition: str, kaggle: Kaggle, submit: Submit) -> None:
    """Check the kernel; push, run and submit it once; write `paths.submission`.

    Raises:
        PreflightFailed: something is wrong; nothing was sent.
        KaggleError: what Kaggle answered, and how the kernel ended.
    """
    profile = profile_of(competition)
    if profile.shape is None:
        raise InputError(f"competition: {competition} takes no submissions")
    form = profile.form(profile.shape)
    sends = submit.mode == "kernel"
    kernel = built_kernel.load(paths.kernel)
    progress.heading(
        "submit-kernel", f"{kernel.code_file} -> {competition if sends else 'dry run'}"
    )
    parameters = kernel.parameters["params"]
    count = parameters["generate"]["count"]
    preflight = Preflight()
    preflight.check_kernel(kernel, competition)
    preflight.check_count(profile, count, sends=sends)
    preflight.check_score(paths.metrics)
    preflight.conclude()
    facts = {
        "mode": submit.mode,
        "competition": competition,
        "kernel": kernel.id,
        "kernel_sha256": kernel.key,
        "images": count,
        **receipt.local_score(paths.metrics),
        "parameters": parameters,
    }
    if not sends:
        receipt.write(paths.submission, None, **facts)
        return
    with submission.planned(paths, competition, kaggle, submit, key=kernel.key) as (plan, sent):
        preflight.check_account(plan.client, kernel)
        preflight.show_gpu_quota(plan.client)
        preflight.check_competition(
            plan.client, competition, with_file=False, is_sent=sent is not None
        )
        preflight.conclude()
        if sent is None:
            version = submission.push(plan, paths.kernel, kernel)
            follow.kernel_run(plan, kernel, version)
            fetched = submission.fetch_zip(plan, kernel, paths.kernel_zip, form, count=count)
            submission.send_kernel(plan, kernel, version, fetched.sha256)
        scored = follow.scoring(plan)
        receipt.write(paths.submission, scored, **facts, **submission.kernel_facts(plan))
