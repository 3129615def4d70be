"""Keep what was sent to Kaggle, so that nothing is sent twice: kernels/submissions.jsonl.

One JSON object a line, in the order of events; git keeps the file. A line `intent` is on the disk
before a request is sent, and `done` or `refused` after its answer: an intent alone means that
Kaggle must be asked. `failed` ends a push whose run gave nothing.
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
class Event:
    """One line of the ledger.

    Attributes:
        key: SHA-256 of the zip, or of the kernel's code.
        step: push or submit.
        state: intent, done, refused or failed.
        time: when it was written, with its zone.
        facts: what else is known, such as the version's number.
    """

    key: str
    step: str
    state: str
    time: datetime
    facts: dict[str, Any]

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (datetime.now(UTC) - self.time).total_seconds()


class Ledger:
    """The events of the file, read anew at each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last(self, key: str, step: str, **facts: Any) -> Event | None:
        """Return the newest event of a step for this key that holds these facts, or None."""
        matching = (
            event
            for event in reversed(self.events())
            if (event.key, event.step) == (key, step) and facts.items() <= event.facts.items()
        )
        return next(matching, None)

    def newest_version(self, kernel: str, *, other_than: str) -> int:
        """Return the greatest version that other keys pushed of a kernel, 0 for none: what Kaggle
        lists up to there is not of this key. A kernel that was deleted counts anew."""
        newest = 0
        for event in self.events():
            if event.step == PUSH and event.facts.get("kernel") == kernel:
                if event.facts.get("gone"):
                    newest = 0
                elif event.key != other_than:
                    found = (event.facts.get("version", 0), event.facts.get("failed", 0))
                    newest = max(newest, *found)
        return newest

    def events(self) -> list[Event]:
        """Return all events, the oldest first.

        Raises:
            InputError: a line is broken. Only the last may be, after a power cut: nothing was sent
                before its event was whole on the disk.
        """
        if not self.path.exists():
            return []
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error})") from None
        events = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                events.append(_read(line))
            except ValueError:
                if number == len(lines):  # without a line end
                    continue
                raise InputError(
                    f"{self.path}, line {number}: no event of the ledger; mend it by hand "
                    "(git has the older states), since it stops a second submission"
                ) from None
        return events

    def append(self, key: str, step: str, state: str, **facts: Any) -> None:
        """Append an event and have it on the disk before returning."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = {"time": now, "key": key, "step": step, "state": state, **facts}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b") as file:
            file.seek(0)
            before, _, last = file.read().rpartition(b"\n")
            if last and not _is_whole(last):  # cut off by a power cut
                file.truncate(len(before) + bool(before))
                last = b""
            file.write(b"\n" * bool(last) + json.dumps(event).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        files.sync(self.path.parent)


def _is_whole(line: bytes) -> bool:
    """Return whether a line holds an event."""
    try:
        _read(line)
    except ValueError:
        return False
    return True


def _read(line: bytes) -> Event:
    """Return the event of a line.

    Raises:
        ValueError: it holds none, or one that lacks what is asked of it later.
    """
    event = json.loads(line.decode())
    required = ("key", "step", "state", "time")
    if not isinstance(event, dict) or not all(isinstance(event.get(key), str) for key in required):
        raise ValueError("no event")
    key, step, state, time = (event.pop(name) for name in required)
    when = datetime.fromisoformat(time)
    numbers = [event.get(name, 0) for name in ("version", "failed")]
    if when.tzinfo is None or not all(isinstance(number, int) for number in numbers):
        raise ValueError("a time without its zone, or a version that is no number")
    if (step, state) == (PUSH, DONE) and "version" not in event:
        raise ValueError("a push without its version")
    return Event(key, step, state, when, event)
