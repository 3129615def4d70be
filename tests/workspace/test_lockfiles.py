"""DVC's own files cut at every byte: ours says what DVC's schema says, and what is mended runs."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.common import files
from pipeline.workspace import lockfiles
from tests import checkout
from tests.conftest import REPOSITORY
from tests.workspace import project

LOCKFILE = b"""schema: '2.0'
stages:
  train:
    cmd: exec python -m pipeline train
    deps:
    - path: data/crops.npy
      hash: md5
      md5: '0074499532'
      size: 41062
    params:
      params.yaml:
        train:
          seed: 1
          threads:
    outs:
    - path: outputs/grids
      hash: md5
      md5: 022ceb81b9fc56acb933a031da42c56f.dir
      size: 155150
      nfiles: 45
      isexec: true
"""
RWLOCK = json.dumps(
    {
        "write": {"/a": {"pid": 12, "cmd": "dvc repro"}},
        "read": {"/b": [{"pid": 12, "cmd": "dvc repro"}]},
    }
).encode()


def dvc_accepts_lockfile(content: bytes) -> bool:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import loads_yaml
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(loads_yaml(content.decode()))
    except (Invalid, ValueError):
        return False
    except Exception as error:
        assert type(error).__module__.startswith("ruamel.yaml")
        return False
    return True


def dvc_accepts_rwlock(content: bytes) -> bool:
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        SCHEMA(json.loads(content))
    except (Invalid, ValueError):
        return False
    return True


def test_a_lock_file_cut_at_any_byte_is_judged_as_dvc_does() -> None:
    judged = [lockfiles.is_lockfile(LOCKFILE[:end]) for end in range(len(LOCKFILE) + 1)]
    assert judged == [dvc_accepts_lockfile(LOCKFILE[:end]) for end in range(len(LOCKFILE) + 1)]
    assert judged[-1] and not judged[0] and judged.count(False) > len(judged) / 3


def test_a_table_of_readers_cut_at_any_byte_is_judged_as_dvc_does() -> None:
    judged = [lockfiles.is_rwlock(RWLOCK[:end]) for end in range(len(RWLOCK) + 1)]
    assert judged == [dvc_accepts_rwlock(RWLOCK[:end]) for end in range(len(RWLOCK) + 1)]
    assert judged == [False] * len(RWLOCK) + [True]


@pytest.mark.parametrize(
    "content",
    [
        b"null",
        b"[]",
        b"{}",
        b"schema: '1.0'",
        b"schema: '2.0'",
        b"schema: '2.0'\nstages: {a: {}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, deps: {}}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, deps: [{md5: 1}]}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, deps: [{path: a, md5: 12}]}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: a, size: x}]}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, outs: [{path: a, color: x}]}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, color: red}}",
        b"schema: '2.0'\nstages: {a: {cmd: [x, y], params: {p: {a: 1}}}}",
        b"schema: '2.0'\nstages: {a: {cmd: x, params: {p: 1}}}",
    ],
)
def test_other_contents_are_judged_as_dvc_does(content: bytes) -> None:
    assert lockfiles.is_lockfile(content) == dvc_accepts_lockfile(content)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project.make(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "project", symlinks=True, copy_function=shutil.copy2)
    shutil.copytree(made.parent / "home", tmp_path / "home")
    return tmp_path / "project"


def repro(root: Path) -> subprocess.CompletedProcess:
    return project.run(root, sys.executable, "-m", "pipeline", "repro", check=False)


@pytest.mark.parametrize("end", [b"", b"sche", b"outs:\n    - pa"])
def test_a_cut_lock_file_comes_back_from_git_and_nothing_runs(root: Path, end: bytes) -> None:
    whole = (root / "dvc.lock").read_bytes()
    (root / "dvc.lock").write_bytes(whole[: whole.index(end) + len(end)])
    assert project.run(root, "dvc", "status", check=False).returncode != 0
    done = repro(root)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(
        "dvc.lock was cut short by a kill: put back from git, DVC mends the rest\n"
    )
    assert "Running stage" not in done.stdout
    assert (root / "dvc.lock").read_bytes() == whole


def test_where_git_has_none_dvc_writes_it_from_its_cache(root: Path) -> None:
    project.run(root, "git", "rm", "-q", "--cached", "dvc.lock")
    project.run(root, "git", "commit", "-qm", "without")
    whole = (root / "dvc.lock").read_bytes()
    (root / "dvc.lock").write_bytes(b"")
    done = repro(root)
    assert done.returncode == 0, done.stdout
    assert "removed, DVC writes it anew from its cache" in done.stdout
    assert "Running stage" not in done.stdout
    assert (root / "dvc.lock").read_bytes() == whole


@pytest.mark.parametrize("left", [0, 3])
def test_a_cut_table_of_readers_is_removed(root: Path, left: int) -> None:
    (root / lockfiles.RWLOCK).write_bytes(RWLOCK[:left])
    files.write_text(root / "input.txt", "another\n")
    done = repro(root)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(f"{lockfiles.RWLOCK} was cut short by a kill: removed\n")


def test_nothing_is_touched_while_dvc_is_at_work(root: Path) -> None:
    """It holds its lock while it writes."""
    (root / "dvc.lock").write_bytes(b"")
    (root / lockfiles.RWLOCK).write_bytes(b"")
    script = (
        "import sys; from dvc.repo import Repo; lock = Repo().lock; lock.lock();"
        "print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=root,
        env=checkout.environment(root),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"locked\n"
    lockfiles.mend(root)
    assert (root / "dvc.lock").read_bytes() == (root / lockfiles.RWLOCK).read_bytes() == b""
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    lockfiles.mend(root)
    assert lockfiles.is_lockfile((root / "dvc.lock").read_bytes())
    assert not (root / lockfiles.RWLOCK).exists()


def test_a_whole_checkout_is_left_alone_and_dvcs_exit_code_is_ours(root: Path) -> None:
    before = {name: (root / name).read_bytes() for name in ("dvc.lock", lockfiles.RWLOCK)}
    lockfiles.mend(root)
    assert {name: (root / name).read_bytes() for name in before} == before
    assert repro(root).returncode == 0
    (root / "input.txt").unlink()
    assert repro(root).returncode == 255


def test_where_dvc_cannot_work_it_is_one_line(root: Path, tmp_path: Path) -> None:
    shutil.move(root / "data", tmp_path / "large disk")
    (root / "data").symlink_to(tmp_path / "large disk")
    done = repro(root)
    assert done.returncode == 1
    assert done.stdout.startswith(f"error: {root / 'data'}: a link, behind which DVC keeps noth")
    assert done.stdout.count("\n") == 1
    (root / "data").unlink()
    shutil.move(tmp_path / "large disk", root / "data")
    shutil.rmtree(root / ".git")
    done = repro(root)
    assert done.returncode == 1
    assert done.stdout.startswith(f"error: {root}: no git repository, and DVC needs one")
    assert done.stdout.count("\n") == 1
    # What the line says to do.
    project.run(root, "bash", "-ec", "git init -q && git add -A")
    assert repro(root).returncode == 0


def test_ctrl_c_reaches_dvc_and_its_stage_and_neither_is_killed(root: Path) -> None:
    """The stage ends by itself, after some time, and DVC after it."""
    # DVC ignores Ctrl-C only once it has started its stage: wait until bit 2 of its mask is set.
    ignores = "grep -q '^SigIgn:.*[2367abef]$' /proc/$PPID/status"
    steps = (
        "trap 'sleep 1; echo saved; exit 130' INT",
        f"while [ -e /proc/$PPID/status ] && ! {ignores}; do sleep 0.01; done",
        "echo started",
        "while :; do sleep 0.1; done",
    )
    (root / "slow.sh").write_text("\n".join(steps))
    (root / "dvc.yaml").write_text("stages: {slow: {cmd: exec bash slow.sh, outs: [x]}}")
    script = (
        "import pathlib, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from pipeline.workspace import repro; print('code', repro.run(pathlib.Path(), []))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=root,
        env=checkout.environment(root, PYTHONPATH=str(REPOSITORY)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while process.stdout.readline() != "started\n":
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "saved\n" in printed and printed.endswith("code 255\n"), printed
