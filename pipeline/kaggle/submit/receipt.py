"""outputs/submission.json: what was (or would be) submitted, and what came of it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.common import files, progress
from pipeline.kaggle.api.competitions import Submission
from pipeline.kaggle.api.errors import PreflightFailed

if TYPE_CHECKING:
    from pydantic import BaseModel


def write(path: Path, submission: Submission | None, **facts: Any) -> None:
    """Write the receipt and say what is in it. `submission` is None for a dry run."""
    content: dict[str, Any] = {"status": "dry-run", "ref": None}
    if submission is not None:
        content = {
            "status": submission.status.lower(),
            "ref": submission.ref,
            "public_score": _number(submission.public_score),
            "private_score": _number(submission.private_score),
            "description": submission.description,
        }
        score = (
            f"public {submission.public_score or '-'}, private {submission.private_score or '-'}"
        )
        progress.say(f"submission {submission.ref} is {content['status']}: {score}")
    files.write_json(path, content | facts)
    progress.say(f"receipt: {path}")


def local_score(metrics: Path) -> dict[str, Any]:
    """The local score's figures under names of their own, none where there is no score."""
    if not metrics.is_file():
        return {}
    content = json.loads(metrics.read_text("utf-8"))
    kept = ("mifid", "fid", "memorization_distance", "extractor", "reference")
    return {f"local_{name}": content[name] for name in kept if name in content}


def plain(sections: Mapping[str, "BaseModel"]) -> dict[str, Any]:
    """Sections of parameters as JSON."""
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def refuse_in_experiments() -> None:
    """Raise PreflightFailed inside `dvc exp run`, which may run a stage many times."""
    if name := os.environ.get("DVC_EXP_NAME"):
        raise PreflightFailed(
            f"experiment {name!r} may not submit: apply it (`dvc exp apply {name}`), then "
            "`make submit`"
        )


def _number(score: str) -> float | None:
    try:
        return float(score)
    except ValueError:
        return None
