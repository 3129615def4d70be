"""Stage `submit-file`: outputs/images.zip is checked and, if submit.mode is file, submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.common import progress
from pipeline.kaggle.submit import follow, receipt, submission
from pipeline.kaggle.submit.preflight import Preflight
from pipeline.submission import images_zip

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.common.paths import Paths
    from pipeline.config.schema import Kaggle, Package, Submit

SECTIONS = (
    "data",
    "crop",
    "reference",
    "model",
    "train",
    "generate",
    "package",
    "score",
    "kaggle",
    "submit",
)


def run(
    paths: Paths, *, package: Package, kaggle: Kaggle, submit: Submit, **made_with: BaseModel
) -> None:
    """Check the zip, and submit it once; write `paths.submission`. `made_with` is for the record.

    Raises:
        SubmissionInvalid: Kaggle's evaluator would refuse the zip.
        PreflightFailed: something is wrong; nothing was sent.
        KaggleError: what Kaggle answered.
    """
    sends = submit.mode == "file"
    progress.heading(
        "submit-file", f"{paths.images_zip.name} -> {kaggle.competition if sends else 'dry run'}"
    )
    facts = images_zip.check(paths.images_zip, count=package.count)
    preflight = Preflight()
    preflight.note(paths.images_zip.name, f"checked, sha256 {facts.sha256[:16]}…")
    preflight.ask_count(kaggle.competition, facts.images, sends=sends)
    preflight.ask_score(paths.metrics)
    preflight.settle()
    record = {
        "mode": submit.mode,
        "competition": kaggle.competition,
        "zip_sha256": facts.sha256,
        "images": facts.images,
        **receipt.local_score(paths.metrics),
        "parameters": receipt.plain({**made_with, "package": package}),
    }
    if not sends:
        receipt.write(paths.submission, None, **record)
        return
    with submission.under_way(paths, kaggle, submit, key=facts.sha256) as (planned, found):
        preflight.ask_account(planned.client)
        preflight.ask_kaggle(
            planned.client, kaggle.competition, with_file=True, already=found is not None
        )
        preflight.settle()
        if found is None:
            submission.send_file(planned, paths.images_zip)
        receipt.write(paths.submission, follow.scoring(planned), **record)
