"""What happened to each fault, counted and printed as a table."""

from collections import Counter
from dataclasses import dataclass, field

# Outcomes that keep the promises.
GOOD = ("whole", "one line", "harmless", "found by verify")


@dataclass
class Tally:
    """Faults of one kind.

    Attributes:
        kind: what was done.
        outcomes: how often each thing came of it.
        notes: a line for each fault that broke a promise.
    """

    kind: str
    outcomes: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, outcome: str, detail: str = "") -> None:
        """Count the outcome of one fault, and say it."""
        self.outcomes[outcome] += 1
        print(f"{self.kind}: {what}: {outcome}", flush=True)
        if outcome not in GOOD:
            self.notes.append(f"{self.kind}: {what}: {outcome}\n{detail}")


def markdown(tallies: list[Tally]) -> str:
    """Return the table, a row a kind, and below it each broken promise."""
    columns = [name for name in GOOD if any(tally.outcomes[name] for tally in tallies)]
    lines = [
        "| fault | times | " + " | ".join(columns) + " | promise broken |",
        "|---|---|" + "---|" * (len(columns) + 1),
    ]
    for tally in tallies:
        counts = [tally.outcomes[name] for name in columns]
        broken = tally.outcomes.total() - sum(tally.outcomes[name] for name in GOOD)
        cells = [tally.kind, tally.outcomes.total(), *counts, broken]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join([*lines, "", *(note for tally in tallies for note in tally.notes)])
