"""The checkout in which the faults happen, and what a run in it must come to."""

import shutil
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.__main__ import CHAIN
from pipeline.common import files
from tests import checkout
from tests.conftest import REPOSITORY

# What a run makes out of the same parameters to the bit, whatever happened on the way. The report
# and the history hold times.
SAME = (
    "data/crops.npy",
    "data/index.csv",
    "data/reference.npz",
    "outputs/generator.pt",
    "outputs/generated.npy",
    "outputs/images.zip",
    "outputs/metrics.json",
    "outputs/nearest.json",
)


def make(folder: Path) -> Path:
    """Return a checkout with small parameters in which nothing has run."""
    checkout.copy(REPOSITORY, folder)
    # A checkpoint each half second: kills come at any age of one.
    checkout.set_params(folder, {**checkout.TINY, "train.checkpoint_minutes": 0.01})
    return folder


def copy(folder: Path, to: Path) -> Path:
    """Copy a checkout with its times, and its HOME, where DVC's state lies."""
    shutil.rmtree(to.parent, ignore_errors=True)
    shutil.copytree(folder, to, symlinks=True)
    if (folder.parent / "home").is_dir():
        shutil.copytree(folder.parent / "home", to.parent / "home", dirs_exist_ok=True)
    return to


def copy_files(folder: Path, to: Path) -> None:
    """Copy what a run made, with its parameters and lock file, and without DVC's cache."""
    to.mkdir(parents=True, exist_ok=True)
    for name in ("data", "outputs", ".ckpt", "params.yaml", "dvc.yaml", "dvc.lock"):
        source, target = folder / name, to / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each of `SAME`; of files that are not there, an empty text."""
    return {name: files.sha256(folder / name) if (folder / name).is_file() else "" for name in SAME}


def differing(folder: Path, expected: dict[str, str]) -> list[str]:
    """Return the names of `SAME` that are not as they must be."""
    found = hashes(folder)
    return [name for name in SAME if found[name] != expected[name]]


def leftovers(folder: Path) -> list[Path]:
    """Return the temporary files below the folders that stages write to."""
    return [
        path
        for name in ("data", "outputs", "kernels", ".ckpt")
        for path in (folder / name).rglob("*.tmp")
    ]


def outs() -> dict[str, list[str]]:
    """Return the outs of each stage of the chain."""
    stages = YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text("utf-8"))["stages"]
    return {
        name: [
            next(iter(out)) if isinstance(out, dict) else out
            for out in [*stages[name].get("outs", []), *stages[name].get("metrics", [])]
        ]
        for name in CHAIN
    }
