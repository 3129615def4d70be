"""Checkpoints: whole or not at all, the one before serves, others' are refused, old runs go."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.common import files
from pipeline.common.errors import PipelineError
from pipeline.training.checkpoint import KEEP_RUNS, CheckpointFolder
from tests.standins import small_disk


def opened(home: Path, *, fresh: bool = False, **shaping: Any) -> CheckpointFolder:
    checkpoints = CheckpointFolder(home, {"train.lr_g": 1e-4} | shaping)
    with checkpoints.opened(fresh=fresh):
        pass
    return checkpoints


def state(value: float) -> dict[str, Any]:
    return {"weights": torch.full((1000,), float(value)), "rows": [{"images_seen": 1, "fid": None}]}


def test_the_newest_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    checkpoints = opened(tmp_path)
    assert checkpoints.load() is None
    for seen in (8, 1000, 90_000):
        checkpoints.save(state(seen), seen)
    assert sorted(path.name for path in checkpoints.folder.glob("*.pt")) == [
        "000000001000.pt",
        "000000090000.pt",
    ]
    loaded = checkpoints.load()
    assert torch.equal(loaded["weights"], torch.full((1000,), 90_000.0))
    assert loaded["rows"] == state(0)["rows"]


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text"])
def test_the_one_before_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    checkpoints = opened(tmp_path)
    checkpoints.save(state(1), 8)
    checkpoints.save(state(2), 16)
    path = checkpoints.folder / "000000000016.pt"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "empty":
        content = bytearray()
    elif damage == "text":
        content = bytearray(b"not a checkpoint")
    else:
        place = content.index(torch.full((1000,), 2.0).numpy().tobytes())
        content[place + 500] ^= 1
    path.write_bytes(content)
    assert torch.equal(checkpoints.load()["weights"], torch.ones(1000))
    assert "000000000016.pt: cut short or damaged" in capsys.readouterr().out


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path, seed=2)
    other.save(state(1), 8)
    (other.folder / "000000000008.pt").rename(mine.folder / "000000000008.pt")
    with pytest.raises(PipelineError, match=f"belongs to the run {other.fingerprint}"):
        mine.load()


def test_other_parameters_start_fresh_and_say_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(tmp_path, seed=1).save(state(1), 8)
    assert capsys.readouterr().out == ""
    checkpoints = opened(tmp_path, seed=2)
    assert capsys.readouterr().out == "a fresh start; the last run differs in seed: 1 → 2\n"
    assert checkpoints.load() is None
    assert opened(tmp_path, seed=1).load() is not None  # changed back


def test_fresh_forgets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened(tmp_path).save(state(1), 8)
    assert opened(tmp_path, fresh=True).load() is None
    assert "train.fresh" in capsys.readouterr().out


def test_old_runs_are_pruned(tmp_path: Path) -> None:
    runs = []
    for seed in range(KEEP_RUNS + 3):
        runs.append(opened(tmp_path, seed=seed))
        runs[-1].save(state(seed), 8)
    left = [checkpoints.folder.exists() for checkpoints in runs]
    assert left == [False] * 3 + [True] * KEEP_RUNS
    assert len(list(tmp_path.glob("*.lock"))) == KEEP_RUNS


def test_two_trainings_of_one_run_come_one_after_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = CheckpointFolder(tmp_path, {"train.seed": 1})
    waiting = f"{checkpoints.folder}: another training of this run is at work; waiting for it\n"
    order: list[str] = []

    def second() -> None:
        with checkpoints.opened(fresh=False):
            order.append("second")

    with checkpoints.opened(fresh=False):
        thread = threading.Thread(target=second)
        thread.start()
        said = ""
        while waiting not in said:
            assert thread.is_alive()
            said += capsys.readouterr().out
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_full_disk_is_said_with_the_systems_reason_and_what_is_kept(tmp_path: Path) -> None:
    checkpoints = opened(tmp_path)
    said = r"the checkpoint at {} images could not be written \(File too large\); {}\. Make room"
    with (
        small_disk.files_limited(3000),
        pytest.raises(files.DiskFull, match=said.format(8, "there is none before it")),
    ):
        checkpoints.save(state(1), 8)
    assert checkpoints.load() is None
    checkpoints.save(state(1), 8)
    with (
        small_disk.files_limited(3000),
        pytest.raises(files.DiskFull, match=said.format(16, "the one before it is kept")),
    ):
        checkpoints.save(state(2), 16)
    assert torch.equal(checkpoints.load()["weights"], torch.ones(1000))
    assert [path.name for path in checkpoints.folder.glob("*.pt*")] == ["000000000008.pt"]
