"""DVC's own files that a kill leaves cut short: DVC writes them in place, and refuses to start with
half of one. Both are made anew without loss: what a stage made is found in DVC's run cache."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.common import files, progress

LOCKFILES = ("dvc.lock", "kernels/dvc.lock")
RWLOCK = ".dvc/tmp/rwlock"
# DVC holds the first while it writes a lock file, the second while it writes its table of readers
# and writers.
_GUARDS = (".dvc/tmp/lock", ".dvc/tmp/rwlock.lock")


def mend(root: Path) -> None:
    """Put back, or remove, what was cut short in the checkout at `root`, saying so in a line each.
    Does nothing while another DVC holds its lock: it may be writing."""
    if not (root / ".dvc").is_dir():
        return
    with (
        files.locked_or_not(root / _GUARDS[0]) as is_ours,
        files.locked_or_not(root / _GUARDS[1]) as is_ours_too,
    ):
        if not (is_ours and is_ours_too):
            return
        for name in LOCKFILES:
            if _is_broken(root / name, is_lockfile):
                _put_back(root, name)
        if _is_broken(root / RWLOCK, is_rwlock):
            (root / RWLOCK).unlink()
            progress.say(f"{RWLOCK} was cut short by a kill: removed")


def _is_broken(path: Path, is_whole: Callable[[bytes], bool]) -> bool:
    try:
        return not is_whole(path.read_bytes())
    except FileNotFoundError:
        return False


def _put_back(root: Path, name: str) -> None:
    """Take git's copy of the lock file, staged or committed, where it has a whole one."""
    for revision in ("", "HEAD"):
        command = ["git", "show", f"{revision}:./{name}"]
        try:
            shown = subprocess.run(command, cwd=root, capture_output=True)
        except OSError:  # there is no `git` to ask
            break
        if shown.returncode == 0 and is_lockfile(shown.stdout):
            files.write_bytes(root / name, shown.stdout)
            progress.say(f"{name} was cut short by a kill: put back from git, DVC mends the rest")
            return
    (root / name).unlink()
    progress.say(f"{name} was cut short by a kill: removed, DVC writes it anew from its cache")


def is_lockfile(content: bytes) -> bool:
    """Return whether DVC accepts these bytes as dvc.lock."""
    from ruamel.yaml import YAML, YAMLError  # late: the command line starts without it

    try:
        found = YAML(typ="safe").load(content.decode())
    except (UnicodeDecodeError, YAMLError, ValueError):
        return False
    if not isinstance(found, dict) or found.get("schema") != "2.0":
        return False
    stages = found.get("stages", {})
    return isinstance(stages, dict) and all(map(_is_stage, stages.values()))


def _is_stage(stage: Any) -> bool:
    return (
        isinstance(stage, dict)
        and set(stage) <= {"cmd", "deps", "params", "outs"}
        and isinstance(stage.get("cmd"), str | list)
        and all(
            isinstance(stage.get(kind, []), list) and all(map(_is_file, stage.get(kind, [])))
            for kind in ("deps", "outs")
        )
        and isinstance(stage.get("params", {}), dict)
        and all(isinstance(values, dict) for values in stage.get("params", {}).values())
    )


def _is_file(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return False
    kinds = {"path": str, "hash": str, "size": int, "nfiles": int, "isexec": bool}
    return all(
        _is_digest(value) if name == "md5" else isinstance(value, kinds.get(name, object))
        for name, value in entry.items()
        if name in kinds or _is_known(name)
    ) and all(map(_is_known, entry))


def _is_known(name: Any) -> bool:
    return name in {
        "path", "hash", "md5", "size", "nfiles", "isexec",
        "checksum", "etag", "version_id", "cloud", "files", "dataset",
    }  # fmt: skip


def _is_digest(value: Any) -> bool:
    # A cut digest of digits alone is read as a number.
    return value in (None, "") or (isinstance(value, str | int) and len(str(value)) >= 3)


def is_rwlock(content: bytes) -> bool:
    """Return whether DVC accepts these bytes as its table of who reads and who writes what."""
    try:
        found = json.loads(content)
    except ValueError:
        return False
    if not isinstance(found, dict) or not set(found) <= {"read", "write"}:
        return False
    reads, writes = found.get("read", {}), found.get("write", {})
    return (
        isinstance(reads, dict)
        and isinstance(writes, dict)
        and all(map(_is_process, writes.values()))
        and all(isinstance(who, list) and all(map(_is_process, who)) for who in reads.values())
    )


def _is_process(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"pid", "cmd"}
        and isinstance(entry["pid"], int)
        and isinstance(entry["cmd"], str)
    )
