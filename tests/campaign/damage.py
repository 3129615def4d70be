"""Damaged files: a flipped bit, a cut end, zeros, half the lines; then the stages that read the
file, and `verify`."""

import contextlib
import io
import os
import random
import traceback
from collections.abc import Callable
from pathlib import Path

from pipeline.__main__ import main
from pipeline.workspace.audit import audit
from tests.campaign import place
from tests.campaign.table import Tally

# The file, and the stages that read it: they are run in this order.
READERS = {
    "data/raw/images.tar": ("crop",),
    "data/raw/annotation.tar": ("crop",),
    "data/crops.npy": ("reference", "train"),
    "data/index.csv": ("train", "report"),
    "data/reference.npz": ("score",),
    "outputs/generator.pt": ("generate", "report"),
    "outputs/generated.npy": ("package", "report"),
    "outputs/images.zip": ("score",),
    "outputs/curves.csv": ("report",),
    "outputs/history.csv": ("report",),
    "outputs/training.json": ("report",),
    "outputs/metrics.json": ("report",),
    ".ckpt/train": ("train",),
}


def campaign(
    made: Path, expected: dict[str, str], work: Path, *, count: int, rng: random.Random
) -> list[Tally]:
    """Damage `count` files, in turn, each in a copy of a run that is whole."""
    tally = Tally("a damaged file")
    names = list(READERS)
    for number in range(count):
        folder = place.copy(made, work / "damage" / "checkout")
        name = names[number % len(names)]
        kind = rng.choice([kind for kind in KINDS if kind != "half its lines" or ".csv" in name])
        path = folder / name
        if path.is_dir():
            path = max(path.rglob("*.pt"))
        _damage(path, KINDS[kind], rng)
        _judge(folder, name, f"{name}, {kind}", expected, tally)
    return [tally]


def _flip(content: bytes, rng: random.Random) -> bytes:
    place_of_it = rng.randrange(len(content))
    changed = bytearray(content)
    changed[place_of_it] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _zeros(content: bytes, rng: random.Random) -> bytes:
    first = rng.randrange(len(content))
    last = min(len(content), first + 4096)
    return content[:first] + bytes(last - first) + content[last:]


def _half(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: len(lines) // 2])


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a flipped bit": _flip,
    "another flipped bit": _flip,
    "a page of zeros": _zeros,
    "cut": lambda content, rng: content[: rng.randrange(len(content))],
    "half its lines": _half,
}


def _damage(path: Path, how: Callable[[bytes, random.Random], bytes], rng: random.Random) -> None:
    """Change the content and leave the times, as a failing disk does."""
    times = path.stat()
    path.chmod(0o644)
    path.write_bytes(how(path.read_bytes(), rng))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _judge(folder: Path, name: str, what: str, expected: dict[str, str], tally: Tally) -> None:
    damaged = [fault.path for fault in audit(folder).faults]
    # A folder is one out; a checkpoint lies deeper than the name.
    is_found = any(f"{name}/".startswith(f"{path}/") or path.startswith(name) for path in damaged)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            codes = [main(["--root", str(folder), stage]) for stage in READERS[name]]
    except Exception:
        tally.add(what, "a traceback", said.getvalue() + traceback.format_exc())
        return
    wrong = [other for other in place.differing(folder, expected) if other != name]
    if any(codes) or "missing: " in said.getvalue() or "damaged" in said.getvalue():
        tally.add(what, "one line")
    elif is_found:
        tally.add(what, "found by verify")
    elif wrong:
        tally.add(what, f"used without a word: {wrong}", said.getvalue())
    else:
        tally.add(what, "harmless")
