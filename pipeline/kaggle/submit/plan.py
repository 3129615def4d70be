"""What is submitted to which competition, under which description, and how long it is followed."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.download.retry import RetryPolicy
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.submit.ledger import Ledger

if TYPE_CHECKING:
    from pipeline.config.schema import Kaggle, Submit

_MARK_DIGITS = 16  # of the key in a description: enough to be unique, short enough to read


@dataclass(frozen=True)
class Plan:
    """One submission, from its key to its score.

    Attributes:
        client: logged in.
        ledger: what was sent so far.
        competition: its slug.
        message: the start of the description.
        key: SHA-256 of the zip, or of the kernel's code.
        deadline_hours: how long a run and a scoring are followed.
        poll_s: seconds between two questions to Kaggle.
        started: `time.monotonic()` at the start.
    """

    client: Client
    ledger: Ledger
    competition: str
    message: str
    key: str
    deadline_hours: float
    poll_s: float
    started: float

    @property
    def mark(self) -> str:
        """The digits that identify the submission in Kaggle's list."""
        return self.key[:_MARK_DIGITS]

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
        """Whether the deadline has passed."""
        return self.minutes > self.deadline_hours * 60


def make(competition: str, kaggle: "Kaggle", submit: "Submit", *, key: str, ledger: Path) -> Plan:
    """Log in and start the clock.

    Raises:
        KaggleError: as `Client`.
    """
    policy = RetryPolicy(kaggle.timeout_s, kaggle.retries, kaggle.retry_delay_s)
    return Plan(
        client=Client(policy),
        ledger=Ledger(ledger),
        competition=competition,
        message=submit.message,
        key=key,
        deadline_hours=submit.deadline_hours,
        poll_s=submit.poll_s,
        started=time.monotonic(),
    )
