"""Writes appear whole or not at all."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.common import files


def test_atomic_replaces_at_once_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.bin"
    files.write_bytes(path, b"old")
    with files.atomic(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_atomic_keeps_the_old_file_at_an_error(tmp_path: Path, error: type) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), files.atomic(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_said_with_the_file_and_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(files.DiskFull, match=r"file\.bin: No space left on device; make room"),
        files.atomic(tmp_path / "file.bin"),
        open("/dev/full", "wb") as full,
    ):
        full.write(b"x")
    assert not list(tmp_path.iterdir())


def test_atomic_gives_the_mode_that_an_ordinary_write_gives(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_bytes(b"")
    files.write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_json_cannot_hold(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match=r"metrics\.json: fid is"):
        files.write_json(tmp_path / "metrics.json", {"fid": value})
    assert not list(tmp_path.iterdir())


def test_json_reads_back(tmp_path: Path) -> None:
    content = {"fid": 1.5, "extractor": "é", "none": None}
    files.write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text()) == content


def test_sha256_of_the_empty_and_of_abc(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1, and the well-known digest of the empty message.
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.sha256(tmp_path / "empty").startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert files.sha256(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_sha256_of_the_first_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"abc and more")
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.sha256(tmp_path / "long", 3) == files.sha256(tmp_path / "abc")


KILLED = """
import os, pathlib, signal, sys
from pipeline.common import files
with files.atomic(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print("written", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, repository: Path
) -> None:
    def start(name: str, how: str) -> subprocess.Popen:
        path = tmp_path / "deep" / name
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path), how],
            cwd=repository,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    lives = start("living.bin", "waits")
    assert lives.stdout.readline() == b"written\n"
    for name in ("a.bin", "a.bin", "b.bin"):
        start(name, "dies").communicate()
    others = {"kept.bin", "kept.tmp", ".kept"}
    for name in others:
        (tmp_path / "deep" / name).write_bytes(b"x")
    (tmp_path / "deep" / ".link.tmp").symlink_to("kept.bin")
    assert files.remove_abandoned([tmp_path, tmp_path / "not there"]) == (3, 3 * len(b"half"))
    left = {path.name for path in (tmp_path / "deep").iterdir()} - others - {".link.tmp"}
    assert len(left) == 1 and left.pop().startswith(".living.bin.")
    lives.communicate(b"")
    assert (tmp_path / "deep/living.bin").read_bytes() == b"half"
    assert files.remove_abandoned([tmp_path]) == (0, 0)


def test_a_file_system_without_locks_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with files.atomic(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(b"whole")
        assert files.remove_abandoned([tmp_path]) == (0, 0)
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
