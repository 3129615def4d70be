"""Kill -9 in chains: DVC alone, or DVC and its stage, at any moment of the whole `dvc repro`, again
and again, until what is left of it is let run to its end."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests import checkout
from tests.campaign import place
from tests.campaign.results import Result

KIND = "`kill -9` of a run"
KIND_OF_ENDS = "the run after a chain of kills"
A_CHAIN = 10  # kills
_LONGEST_WAIT_S = 12.0
_ORPHAN_S = 30.0


def chain(
    fresh: Path,
    expected: dict[str, str],
    work: Path,
    *,
    first: int,
    count: int,
    rng: random.Random,
) -> list[Result]:
    """Kill `count` times, the first of them the number `first`; then let one run end in peace, and
    compare its files."""
    folder = place.copy(fresh, work / "kills" / "checkout")
    results = [_kill_once(folder, first + number, rng) for number in range(count)]
    done = checkout.run(folder, *_COMMAND, check=False)
    wrong = place.differing(folder, expected)
    if done.returncode or "Traceback" in done.stdout:
        outcome = "the next run failed"
    elif wrong:
        outcome = f"other files: {', '.join(wrong)}"
    elif left := place.leftovers(folder):
        outcome = f"left behind: {left}"
    else:
        outcome = "whole"
    return [*results, Result(KIND_OF_ENDS, first, f"after {count} kills", outcome, done.stdout)]


_COMMAND = (sys.executable, "-m", "pipeline", "repro")


def _kill_once(folder: Path, number: int, rng: random.Random) -> Result:
    log = folder.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _COMMAND,
            cwd=folder,
            env=checkout.environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    at_a_line = rng.random() < 0.5
    if at_a_line:
        what = _wait_for_a_line(process, log, rng.randrange(1, 12))
        time.sleep(rng.uniform(0, 0.4))  # DVC's lock file is written about there
    else:
        wait = rng.uniform(0, _LONGEST_WAIT_S)
        what = f"{wait:.1f} s after the start"
        _wait(process, wait)
    code = process.poll()
    if rng.random() < 0.5:
        what = f"DVC alone, {what}"
        process.kill()
    else:
        what = f"all, {what}"
        if code is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    orphans = _session(process.pid)
    said = log.read_text("utf-8", "replace")
    if code is not None and code != 0:
        outcome = f"ended by itself with {code}"
    elif orphans:
        outcome = f"a process goes on alone: {orphans}"
    elif "Traceback" in said:
        outcome = "a traceback"
    else:
        outcome = "whole"
    return Result(KIND, number, what, outcome, said)


def _wait(process: subprocess.Popen, seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _wait_for_a_line(process: subprocess.Popen, log: Path, number: int) -> str:
    """Wait until DVC has said that it starts a stage or writes its lock file so many times."""
    while process.poll() is None:
        said = log.read_bytes()
        if said.count(b"Running stage") + said.count(b"Updating lock") >= number:
            break
        time.sleep(0.01)
    return f"at line {number} of DVC's"


def _session(leader: int) -> list[str]:
    """Return the commands of the processes of a session that go on for long after its leader."""
    deadline = time.monotonic() + _ORPHAN_S
    while True:
        left = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                left.append(command)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)
