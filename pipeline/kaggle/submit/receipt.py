"""Write outputs/submission.json: what was (or would be) submitted, and how it ended."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.kaggle.api.competitions import Submission
from pipeline.kaggle.api.errors import PreflightFailed

if TYPE_CHECKING:
    from pydantic import BaseModel


def write(path: Path, submission: Submission | None, **facts: Any) -> None:
    """Write the receipt and print the scores.

    Args:
        submission: as Kaggle lists it; None for a dry run.
        facts: what else the receipt holds, plain JSON.
    """
    content: dict[str, Any] = {"status": "dry-run", "ref": None}
    if submission is not None:
        content = {
            "status": submission.status.lower(),
            "ref": submission.ref,
            **_score("public_score", submission.public_score),
            **_score("private_score", submission.private_score),
            "description": submission.description,
        }
        score = (
            f"public {submission.public_score or '-'}, private {submission.private_score or '-'}"
        )
        progress.say(f"submission {submission.ref} is {content['status']}: {score}")
    files.write_json(path, content | facts)
    progress.say(f"receipt: {path}")


def local_score(metrics: Path) -> dict[str, Any]:
    """Return the numbers of the local score under names that start with `local_`; none where there
    is no score."""
    if not metrics.is_file():
        return {}
    try:
        content = json.loads(metrics.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _no_metrics(metrics, str(error)) from None
    if not isinstance(content, dict):
        raise _no_metrics(metrics, "no JSON object")
    if isinstance(content.get("mifid", 0.0), bool | str | list | dict | None):
        raise _no_metrics(metrics, f"mifid is {content['mifid']!r}")
    kept = ("mifid", "fid", "memorization_distance", "extractor", "reference")
    return {f"local_{name}": content[name] for name in kept if name in content}


def plain(sections: Mapping[str, "BaseModel"]) -> dict[str, Any]:
    """Return sections of parameters as plain JSON."""
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def refuse_in_experiments() -> None:
    """Raise PreflightFailed in `dvc exp run`, which may run the same thing many times."""
    if name := os.environ.get("DVC_EXP_NAME"):
        raise PreflightFailed(
            f"experiment {name!r} may not submit: apply it (`dvc exp apply {name}`), then "
            "`make submit`"
        )


def _no_metrics(metrics: Path, fault: str) -> InputError:
    return InputError(f"{metrics}: not what the score stage writes ({fault}); run it again")


def _score(name: str, said: str) -> dict[str, float | str | None]:
    """Return a score of Kaggle's: a number or, where it is no finite one, None and the text."""
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return {name: number}
    return {name: None, f"{name}_text": said} if said else {name: None}
