"""Statuses that Kaggle may add one day: named, and taken as waiting.

The client fails over an answer that holds one status it does not know, even that of a submission of
years ago.
"""

import json
from typing import Any

_SUBMISSION = ("PENDING", "COMPLETE", "ERROR")
_SESSION = (
    "QUEUED",
    "RUNNING",
    "COMPLETE",
    "ERROR",
    "CANCEL_REQUESTED",
    "CANCEL_ACKNOWLEDGED",
    "NEW_SCRIPT",
)


def made_known(method: str, content: bytes) -> tuple[bytes, set[str]]:
    """Return an answer without statuses that are not known, and these.

    Args:
        method: the API's name of the call, such as ListSubmissions.
        content: a JSON object.
    """
    parsed = json.loads(content)
    if method == "ListSubmissions":
        items, known, waiting = parsed.get("submissions"), _SUBMISSION, "PENDING"
    elif method == "GetKernelSessionStatus":
        items, known, waiting = [parsed], _SESSION, "RUNNING"
    else:
        return content, set()
    unknown: set[str] = set()
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and not _is_known(item.get("status"), known):
            unknown.add(item["status"])
            item["status"] = waiting
    return (json.dumps(parsed).encode() if unknown else content), unknown


def _is_known(status: Any, known: tuple[str, ...]) -> bool:
    """Return whether the client can read a status: it takes any case, and names with a prefix. What
    is no text is no new status, and left to the client to refuse."""
    return not isinstance(status, str) or status == "" or status.upper().endswith(known)
