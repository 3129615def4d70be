"""The ledger: what is on the disk when, and what a broken line means."""

from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.kaggle.submit.ledger import DONE, FAILED, INTENT, PUSH, SUBMIT, Ledger

KEY, OTHER = "a" * 64, "b" * 64


def test_starts_empty_and_keeps_events_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "kernels" / "submissions.jsonl")
    assert ledger.events() == []
    ledger.append(KEY, PUSH, INTENT)
    ledger.append(KEY, PUSH, DONE, version=3)
    ledger.append(OTHER, SUBMIT, INTENT)
    assert [(event.key, event.step, event.state) for event in ledger.events()] == [
        (KEY, PUSH, INTENT),
        (KEY, PUSH, DONE),
        (OTHER, SUBMIT, INTENT),
    ]
    last = ledger.last(KEY, PUSH)
    assert last is not None
    assert (last.state, last.facts) == (DONE, {"version": 3})
    assert 0 <= last.age_s < 60
    assert ledger.last(KEY, SUBMIT) is None
    assert ledger.last(OTHER, PUSH) is None


def test_finds_the_newest_event_that_holds_the_facts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "submissions.jsonl")
    ledger.append(KEY, SUBMIT, DONE, competition="dogs", ref=1)
    ledger.append(KEY, SUBMIT, INTENT, competition="cats")
    dogs, cats = (ledger.last(KEY, SUBMIT, competition=name) for name in ("dogs", "cats"))
    assert dogs is not None and cats is not None
    assert (dogs.state, cats.state) == (DONE, INTENT)
    assert ledger.last(KEY, SUBMIT, competition="birds") is None


def test_each_event_is_a_line_that_git_can_merge(tmp_path: Path) -> None:
    path = tmp_path / "submissions.jsonl"
    ledger = Ledger(path)
    ledger.append(KEY, PUSH, INTENT)
    before = path.read_bytes()
    ledger.append(KEY, PUSH, FAILED, failed=1)
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(b"\n") == 2


def test_a_line_cut_off_by_a_power_cut_is_passed_over_and_goes_with_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "submissions.jsonl"
    ledger = Ledger(path)
    ledger.append(KEY, PUSH, INTENT)
    whole = path.read_bytes()
    for cut_off in (whole[:30], whole[:-5]):
        path.write_bytes(whole + cut_off)
        assert len(ledger.events()) == 1
    ledger.append(KEY, PUSH, DONE, version=1)
    assert [event.state for event in ledger.events()] == [INTENT, DONE]
    assert path.read_bytes().startswith(whole)


def test_a_whole_last_line_without_its_line_end_stays(tmp_path: Path) -> None:
    path = tmp_path / "submissions.jsonl"
    ledger = Ledger(path)
    ledger.append(KEY, PUSH, INTENT)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))  # as an editor may leave it
    ledger.append(KEY, PUSH, DONE, version=1)
    assert [event.state for event in ledger.events()] == [INTENT, DONE]


def test_a_first_line_cut_off_leaves_an_empty_ledger(tmp_path: Path) -> None:
    path = tmp_path / "submissions.jsonl"
    path.write_bytes(b'{"time": "20')
    ledger = Ledger(path)
    assert ledger.events() == []
    ledger.append(KEY, PUSH, INTENT)
    assert len(ledger.events()) == 1


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", "{}", "[1, 2]", '{"key": 1, "time": "soon"}'])
def test_a_broken_line_stops_everything(tmp_path: Path, line: str) -> None:
    path = tmp_path / "submissions.jsonl"
    Ledger(path).append(KEY, PUSH, INTENT)
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(InputError, match="line 1: no event"):
        Ledger(path).last(KEY, PUSH)
