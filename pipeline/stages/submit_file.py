"""Stage `submit-file`: outputs/images.zip is checked and, if submit.mode is file, submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.common import progress
from pipeline.competitions.registry import profile_of
from pipeline.data.dataset import load_images
from pipeline.images import arrays
from pipeline.kaggle.submit import follow, receipt, submission
from pipeline.kaggle.submit.preflight import Preflight
from pipeline.submission.reader import check_zip

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pipeline.common.paths import Paths
    from pipeline.config.schema import Generate, Kaggle, Submit

SECTIONS = (
    "competition",
    "data",
    "crop",
    "reference",
    "model",
    "train",
    "generate",
    "score",
    "kaggle",
    "submit",
)


def run(
    paths: Paths,
    *,
    competition: str,
    generate: Generate,
    kaggle: Kaggle,
    submit: Submit,
    **made_with: BaseModel,
) -> None:
    """Check the zip, and submit it once; write `paths.submission`.

    Args:
        made_with: the other sections, for the receipt.

    Raises:
        SubmissionInvalid: Kaggle's evaluator would refuse the zip.
        PreflightFailed: something is wrong; nothing was sent.
        KaggleError: what Kaggle answered.
    """
    profile = profile_of(competition)
    sends = submit.mode == "file"
    progress.heading(
        "submit-file", f"{paths.images_zip.name} -> {competition if sends else 'dry run'}"
    )
    own = profile.shape or arrays.shape_of(load_images(paths.crops), str(paths.crops))
    checked = check_zip(paths.images_zip, profile.form(own), count=generate.count)
    preflight = Preflight()
    preflight.add(paths.images_zip.name, f"checked, sha256 {checked.sha256[:16]}…")
    preflight.check_count(profile, checked.images, sends=sends)
    preflight.check_score(paths.metrics)
    preflight.conclude()
    facts = {
        "mode": submit.mode,
        "competition": competition,
        "zip_sha256": checked.sha256,
        "images": checked.images,
        **receipt.local_score(paths.metrics),
        "parameters": receipt.plain({**made_with, "generate": generate}),
    }
    if not sends:
        receipt.write(paths.submission, None, **facts)
        return
    with submission.planned(paths, competition, kaggle, submit, key=checked.sha256) as (plan, sent):
        preflight.check_account(plan.client)
        preflight.check_competition(
            plan.client, competition, with_file=True, is_sent=sent is not None
        )
        preflight.conclude()
        if sent is None:
            submission.send_file(plan, paths.images_zip)
        receipt.write(paths.submission, follow.scoring(plan), **facts)
