"""Faults by the hundred, by hand: `python -m tests.campaign`. The promises that it tries, and the
figures of a run, are in docs/reliability.md."""
