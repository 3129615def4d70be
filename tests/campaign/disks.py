"""Full disks: each stage on a file system that ends somewhere in what the stage writes."""

import random
import shutil
import subprocess
from pathlib import Path

from tests.campaign import place, stages
from tests.campaign.results import Result

KIND = "a full disk"
_LARGE_BYTES = 1 << 30
_PAGE = 4096


def once(
    made: Path, expected: dict[str, str], work: Path, *, number: int, rng: random.Random
) -> Result:
    """Run a stage on a disk of random size, and again with room; the stages take turns."""
    disk = work / "disk"
    outs = place.outs()
    stage = list(outs)[number % len(outs)]
    disk.mkdir(parents=True, exist_ok=True)
    options = f"size={_LARGE_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    try:
        place.copy_files(made, disk)
        written = 0
        lost = [disk / name for name in outs[stage]]
        lost += [disk / ".ckpt" / "train"] if stage == "train" else []
        for path in lost:
            written += _size(path)
            (shutil.rmtree if path.is_dir() else Path.unlink)(path)
        before = _others(disk)
        left = rng.randrange(0, max(_PAGE, int(written * 1.1)), _PAGE)
        free = shutil.disk_usage(disk).free
        (disk / "filling").write_bytes(bytes(free - left))
        code, said = stages.run(disk, stage)
        (disk / "filling").unlink()
        what = f"{stage}, {left:,} of {written:,} bytes free"
        outcome = _outcome(disk, before, code, said)
        if not outcome:
            again, said = stages.run(disk, stage)
            wrong = place.differing(disk, expected)
            if again or wrong:
                outcome = f"with room: {again}, {wrong}"
            else:
                outcome = "one line" if code else "whole"
        return Result(KIND, number, what, outcome, said)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _outcome(disk: Path, before: dict[str, str], code: int, said: str) -> str:
    """Return which promise the stage on the full disk broke, or an empty text."""
    if "Traceback" in said or code not in (0, 1):
        return f"exit code {code}"
    if code == 1 and sum(line.startswith("error: ") for line in said.splitlines()) != 1:
        return "not one line"
    after = _others(disk)
    if changed := [name for name, digest in before.items() if after.get(name) != digest]:
        return f"changed: {changed}"
    if left := place.leftovers(disk):
        return f"left behind: {left}"
    return ""


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(below) for below in path.iterdir())
    return -(-path.stat().st_size // _PAGE) * _PAGE if path.is_file() else 0


def _others(disk: Path) -> dict[str, str]:
    """Return the hashes of the files that the stage does not write, as far as they are there."""
    return {name: digest for name, digest in place.hashes(disk).items() if digest}
