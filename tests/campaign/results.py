"""What happened to each fault: written down as it goes, counted and printed as a table."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

# Outcomes that keep the promises.
GOOD = ("whole", "one line", "harmless", "found by verify")


@dataclass(frozen=True)
class Result:
    """What came of one fault.

    Attributes:
        kind: what was done.
        number: of the fault among those of its kind; from it and the seed come all its draws.
        what: where and how.
        outcome: one of `GOOD`, or the broken promise.
        detail: what was printed, of a broken promise.
    """

    kind: str
    number: int
    what: str
    outcome: str
    detail: str = ""


class Results:
    """The results of a campaign, in a file of JSON lines: a campaign that was stopped goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        self._known = [Result(**json.loads(line)) for line in lines]

    def has(self, kind: str, number: int) -> bool:
        """Return whether that fault has happened."""
        return any((known.kind, known.number) == (kind, number) for known in self._known)

    def add(self, results: list[Result]) -> None:
        """Write results down together, and say them."""
        with self._path.open("a", encoding="utf-8") as file:
            for result in results:
                detail = "" if result.outcome in GOOD else result.detail
                print(json.dumps(asdict(result) | {"detail": detail}), file=file)
                print(f"{result.kind}: {result.what}: {result.outcome}", flush=True)
        self._known += results

    def markdown(self) -> str:
        """Return the table, a row a kind, and below it each broken promise."""
        kinds: dict[str, Counter[str]] = {}
        for result in self._known:
            kinds.setdefault(result.kind, Counter())[result.outcome] += 1
        columns = [name for name in GOOD if any(counts[name] for counts in kinds.values())]
        lines = [
            "| fault | times | " + " | ".join(columns) + " | promise broken |",
            "|---|---|" + "---|" * (len(columns) + 1),
        ]
        for kind, counts in kinds.items():
            broken = counts.total() - sum(counts[name] for name in GOOD)
            cells = [kind, counts.total(), *(counts[name] or "" for name in columns), broken]
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        notes = [
            f"{result.kind}: {result.what}: {result.outcome}\n{result.detail}"
            for result in self._known
            if result.outcome not in GOOD
        ]
        return "\n".join([*lines, "", *notes])
