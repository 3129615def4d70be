"""What is submitted, where, under which words, and how long it is followed."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.kaggle.api.client import Client
from pipeline.kaggle.api.retry import Patience
from pipeline.kaggle.submit.ledger import Ledger

if TYPE_CHECKING:
    from pipeline.config.schema import Kaggle, Submit

_MARK = 16  # digits of the key in a description: enough to be unique, short enough to read


@dataclass(frozen=True)
class Plan:
    """One submission, from its key to its score."""

    client: Client
    ledger: Ledger
    competition: str
    message: str
    key: str  # SHA-256 of the zip, or of the kernel's code
    deadline_hours: float
    poll_s: float
    started: float  # time.monotonic() then

    @property
    def mark(self) -> str:
        """What finds the submission in Kaggle's list."""
        return self.key[:_MARK]

    @property
    def description(self) -> str:
        """The submission's description on Kaggle."""
        return f"{self.message} [{self.mark}]"

    @property
    def minutes(self) -> float:
        """Minutes since the start."""
        return (time.monotonic() - self.started) / 60

    @property
    def is_late(self) -> bool:
        """Whether it is time to stop following."""
        return self.minutes > self.deadline_hours * 60


def make(kaggle: "Kaggle", submit: "Submit", *, key: str, ledger: Path) -> Plan:
    """Log in, and start the clock.

    Raises:
        KaggleError: as `Client`.
    """
    patience = Patience(
        timeout_s=kaggle.timeout_s, retries=kaggle.retries, delay_s=kaggle.retry_delay_s
    )
    return Plan(
        client=Client(patience),
        ledger=Ledger(ledger),
        competition=kaggle.competition,
        message=submit.message,
        key=key,
        deadline_hours=submit.deadline_hours,
        poll_s=submit.poll_s,
        started=time.monotonic(),
    )
