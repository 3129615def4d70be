"""Full disks: each stage on a file system that ends somewhere in what the stage writes."""

import random
import shutil
import subprocess
from pathlib import Path

from tests import checkout
from tests.campaign import place
from tests.campaign.table import Tally

_LARGE_BYTES = 1 << 30
_PAGE = 4096


def campaign(
    made: Path, expected: dict[str, str], work: Path, *, count: int, rng: random.Random
) -> list[Tally]:
    """Run stages `count` times, in turn, on disks of random sizes."""
    tally = Tally("a full disk")
    stages = [stage for stage, outs in place.outs().items() if outs]
    for number in range(count):
        _run_once(made, expected, work / "disk", stages[number % len(stages)], tally, rng)
    return [tally]


def _run_once(
    made: Path,
    expected: dict[str, str],
    disk: Path,
    stage: str,
    tally: Tally,
    rng: random.Random,
) -> None:
    disk.mkdir(parents=True, exist_ok=True)
    options = f"size={_LARGE_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    try:
        for name in ("data", "outputs", ".ckpt", "params.yaml"):
            source, target = made / name, disk / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
        written = 0
        lost = [disk / name for name in place.outs()[stage]]
        lost += [disk / ".ckpt" / "train"] if stage == "train" else []
        for path in lost:
            written += _size(path)
            (shutil.rmtree if path.is_dir() else Path.unlink)(path)
        before = _others(disk)
        left = rng.randrange(0, max(_PAGE, int(written * 1.1)), _PAGE)
        free = shutil.disk_usage(disk).free
        (disk / "filling").write_bytes(bytes(free - left))
        code, said = _pipeline(disk, stage)
        (disk / "filling").unlink()
        what = f"{stage}, {left:,} of {written:,} bytes free"
        if "Traceback" in said or code not in (0, 1):
            tally.add(what, f"exit code {code}", said)
        elif code == 1 and sum(line.startswith("error: ") for line in said.splitlines()) != 1:
            tally.add(what, "not one line", said)
        elif changed := [
            name for name, digest in before.items() if _others(disk).get(name) != digest
        ]:
            tally.add(what, f"changed: {changed}", said)
        elif left := place.leftovers(disk):
            tally.add(what, f"left behind: {left}", said)
        else:
            again, said_again = _pipeline(disk, stage)
            wrong = place.differing(disk, expected)
            if again or wrong:
                tally.add(what, f"with room: {again}, {wrong}", said_again)
            else:
                tally.add(what, "one line" if code else "whole")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _pipeline(root: Path, stage: str) -> tuple[int, str]:
    done = checkout.run(
        place.REPOSITORY, "python", "-m", "pipeline", "--root", str(root), stage, check=False
    )
    return done.returncode, done.stdout


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(below) for below in path.iterdir())
    return -(-path.stat().st_size // _PAGE) * _PAGE if path.is_file() else 0


def _others(disk: Path) -> dict[str, str]:
    """Return the hashes of the files that the stage does not write, as far as they are there."""
    return {name: digest for name, digest in place.hashes(disk).items() if digest}
