"""What was sent to Kaggle, so that nothing is sent twice: kernels/submissions.jsonl.

One JSON object a line, in the order of events; git keeps it. A line `intent` is on the disk before
a request goes out, and `done`, or `refused`, after its answer: an intent alone means that Kaggle
must be asked. `failed` ends a push whose run came to nothing.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.common import files
from pipeline.common.errors import InputError

PUSH, SUBMIT = "push", "submit"
INTENT, DONE, REFUSED, FAILED = "intent", "done", "refused", "failed"


@dataclass(frozen=True)
class Entry:
    """One event."""

    key: str  # SHA-256 of the zip, or of the kernel's code
    step: str  # push or submit
    state: str  # intent, done, refused or failed
    time: datetime
    facts: dict[str, Any]

    @property
    def age_s(self) -> float:
        return (datetime.now(UTC) - self.time).total_seconds()


class Ledger:
    """The file's events, read anew at each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last(self, key: str, step: str, **facts: Any) -> Entry | None:
        """The newest event of a step for this key, among those that hold these facts."""
        found = (
            one
            for one in reversed(self.entries())
            if (one.key, one.step) == (key, step) and facts.items() <= one.facts.items()
        )
        return next(found, None)

    def entries(self) -> list[Entry]:
        """All events, the oldest first.

        Raises:
            InputError: a line is broken. Only the last may be, after a power cut: an event that is
                not whole on the disk is one that nothing was built upon.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text("utf-8").split("\n")
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(_read(line))
            except (ValueError, KeyError, TypeError):
                if number == len(lines):  # without a line end
                    continue
                raise InputError(
                    f"{self.path}, line {number}: no event of the ledger; mend it by hand "
                    "(git has the older states), since it stops a second submission"
                ) from None
        return found

    def note(self, key: str, step: str, state: str, **facts: Any) -> None:
        """Append an event and have it on the disk before returning."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = {"time": now, "key": key, "step": step, "state": state, **facts}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b") as file:
            file.seek(0)
            before, _, last = file.read().rpartition(b"\n")
            if last and not _is_whole(last):  # torn by a power cut
                file.truncate(len(before) + bool(before))
                last = b""
            file.write(b"\n" * bool(last) + json.dumps(event).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        files.sync(self.path.parent)


def _is_whole(line: bytes) -> bool:
    try:
        _read(line.decode())
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _read(line: str) -> Entry:
    event = json.loads(line)
    return Entry(
        key=event.pop("key"),
        step=event.pop("step"),
        state=event.pop("state"),
        time=datetime.fromisoformat(event.pop("time")),
        facts=event,
    )
