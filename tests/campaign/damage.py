"""Damaged files: a flipped bit, a cut end, zeros, half the lines; then a stage that reads the file,
and where it says nothing, `verify`."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline.workspace.audit import audit
from tests.campaign import place, stages
from tests.campaign.results import Result

KIND = "a damaged file"
# The file, and the stages that read it: they take turns.
READERS = {
    "data/raw/images.tar": ("crop", "reference"),
    "data/raw/annotation.tar": ("crop",),
    "data/raw/sha256.json": ("crop",),
    "data/crops.npy": ("reference", "train", "score"),
    "data/index.csv": ("train", "report"),
    "data/held_out.npz": ("train", "score"),
    "data/reference.npz": ("score",),
    "outputs/generator.pt": ("generate", "report"),
    "outputs/generated.npy": ("package", "report"),
    "outputs/generated_labels.npy": ("score",),
    "outputs/images.zip": ("score", "report"),
    "outputs/package.json": ("report",),
    "outputs/curves.csv": ("report",),
    "outputs/history.csv": ("report",),
    "outputs/samples.png": ("report",),
    "outputs/training.json": ("report",),
    "outputs/metrics.json": ("report",),
    "outputs/nearest.json": ("report",),
    ".ckpt/train": ("train",),
}


def once(
    made: Path, expected: dict[str, str], work: Path, *, number: int, rng: random.Random
) -> Result:
    """Damage one file in a copy of a run that is whole; the files take turns."""
    folder = work / "damage"
    shutil.rmtree(folder, ignore_errors=True)
    place.copy_files(made, folder)
    turn, which = divmod(number, len(READERS))
    name = list(READERS)[which]
    stage = READERS[name][turn % len(READERS[name])]
    kind = rng.choice([kind for kind in KINDS if kind != "half its lines" or ".csv" in name])
    path = folder / name
    if path.is_dir():
        path = max(path.rglob("*.pt"))
    _damage(path, KINDS[kind], rng)
    code, said = stages.run(folder, stage)
    return Result(
        KIND,
        number,
        f"{name}, {kind}, then {stage}",
        _outcome(folder, name, code, said, expected),
        said,
    )


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


def _outcome(folder: Path, name: str, code: int, said: str, expected: dict[str, str]) -> str:
    if code not in (0, 1) or "Traceback" in said:
        return f"exit code {code}"
    if code or "missing: " in said or "damaged" in said:
        return "one line"
    # A folder is one out; a checkpoint lies deeper than the name.
    damaged = [fault.path for fault in audit(folder).faults]
    if any(f"{name}/".startswith(f"{path}/") or path.startswith(name) for path in damaged):
        return "found by verify"
    wrong = [other for other in place.differing(folder, expected) if other != name]
    return f"used without a word: {wrong}" if wrong else "harmless"
