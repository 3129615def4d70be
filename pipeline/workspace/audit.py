"""Look for damage: every out against dvc.lock, every object of DVC's cache against its name, each
checkpoint and the feature network's weights against their checksums."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.common import checksums, files, npy, progress, torch_file
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.scoring.extractors import embedded
from pipeline.workspace import lockfiles

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Fault:
    """A damaged or missing file.

    Attributes:
        path: as a user would type it at the root.
        what: is wrong with it.
        cure: what to do, mostly a command.
    """

    path: str
    what: str
    cure: str


@dataclass
class Audit:
    """What was looked at, and what was found.

    Attributes:
        checked: number of files of each kind.
        faults: in the order in which they are best cured.
    """

    checked: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class _Out:
    """An out of a stage as a lock file has it."""

    path: Path
    stage: str
    digest: str  # MD5; with ".dir" at its end, of the list of a folder's files
    is_cached: bool  # else only a run of the stage brings it back, if from the run cache


def audit(root: Path) -> Audit:
    """Check everything below `root` that has a checksum somewhere.

    Raises:
        PipelineError: a lock file of DVC's is cut short.
    """
    root = root.resolve()
    paths = Paths(root)
    outs = list(_outs(root))
    found = Audit()
    cache = _cache(root)
    broken = _broken_objects(cache, found)
    found.faults += [fault for out in outs for fault in _out_faults(root, cache, out, broken)]
    found.faults += _unused_objects(root, cache, outs, broken)
    found.checked["outs"] = len(outs)
    known = {out.path for out in outs}
    found.faults += _unlocked(paths, known)
    checkpoints = sorted(paths.checkpoints.glob("*/*.pt"))
    found.checked["checkpoints"] = len(checkpoints)
    found.faults += [fault for path in checkpoints for fault in _checkpoint_faults(root, path)]
    found.checked["weights"] = 1
    if not embedded.is_as_shipped():
        name = _name(root, embedded.WEIGHTS)
        found.faults.append(Fault(name, "is not the shipped file", f"git checkout {name}"))
    return found


def _outs(root: Path) -> Iterator[_Out]:
    for name in lockfiles.LOCKFILES:
        path = root / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        if not lockfiles.is_lockfile(content):
            raise InputError(f"{path}: cut short; `python -m pipeline repro` mends it")
        stages = YAML(typ="safe").load(content.decode()).get("stages", {})
        written = _stages(path.with_suffix(".yaml"))
        uncached = _uncached(written)
        for stage, fields in stages.items():
            folder = path.parent / written.get(stage, {}).get("wdir", "")
            prefix = "" if path.parent == root else f"{name.replace('.lock', '.yaml')}:"
            for out in fields.get("outs", []):
                if out.get("md5"):
                    file = Path(os.path.normpath(folder / out["path"]))
                    is_cached = (stage, out["path"]) not in uncached
                    yield _Out(file, prefix + stage, str(out["md5"]), is_cached)


def _stages(path: Path) -> dict[str, Any]:
    """Return the stages of a pipeline file; none where there is no such file."""
    return YAML(typ="safe").load(path.read_text("utf-8"))["stages"] if path.is_file() else {}


def _uncached(stages: dict[str, Any]) -> set[tuple[str, str]]:
    """Return stage and path of the outs that are not in DVC's cache (`cache: false`)."""
    return {
        (stage, name)
        for stage, fields in stages.items()
        for out in [*fields.get("outs", []), *fields.get("metrics", [])]
        if isinstance(out, dict)
        for name, options in out.items()
        if not options.get("cache", True)
    }


def _cache(root: Path) -> Path | None:
    """Return DVC's cache; None where DVC has none here."""
    if not (root / ".dvc").is_dir():
        return None
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return root / done.stdout.strip() if done.returncode == 0 else None


def _object(cache: Path, digest: str) -> Path:
    return cache / "files" / "md5" / digest[:2] / digest[2:]


def _broken_objects(cache: Path | None, found: Audit) -> set[str]:
    """Return the digests of the cache's objects that hold something else."""
    objects = sorted(cache.glob("files/md5/??/*")) if cache else []
    found.checked["objects of DVC's cache"] = len(objects)
    with progress.bar(objects, label="cache", unit="object") as bar:
        return {
            path.parent.name + path.name
            for path in bar
            if _md5(path) != (path.parent.name + path.name).removesuffix(".dir")
        }


def _out_faults(root: Path, cache: Path | None, out: _Out, broken: set[str]) -> Iterator[Fault]:
    name = _name(root, out.path)
    here = _digest(out.path)
    needed = [out.digest, *_listed(cache, out.digest, broken)]
    bad = [digest for digest in needed if digest in broken]
    is_kept = out.is_cached and cache is not None and _object(cache, out.digest).is_file()
    if bad:
        objects = " ".join(_name(root, _object(cache, digest)) for digest in bad)
        if here == out.digest:
            cure = f"rm -f {objects} && dvc commit -f {out.stage}"
        else:
            cure = f"rm -rf {objects} {name} && dvc repro {out.stage}"
        yield Fault(objects, f"is damaged; DVC would check it out as {name}", cure)
    if here == out.digest or bad:
        return
    what = "is not there" if here is None else "is not what its stage made"
    yield Fault(
        name,
        what,
        f"rm -rf {name} && dvc checkout {name}"
        if is_kept
        else f"rm -rf {name} && dvc repro {out.stage}",
    )


def _unused_objects(
    root: Path, cache: Path | None, outs: list[_Out], broken: set[str]
) -> Iterator[Fault]:
    used = {digest for out in outs for digest in (out.digest, *_listed(cache, out.digest, broken))}
    for digest in sorted(broken - used):
        name = _name(root, _object(cache, digest))
        yield Fault(name, "is damaged; of another version of an out", f"rm -f {name}")


def _listed(cache: Path | None, digest: str, broken: set[str]) -> list[str]:
    """Return the digests of the files of a folder, where the cache knows them."""
    if cache is None or not digest.endswith(".dir") or digest in broken:
        return []
    path = _object(cache, digest)
    return [entry["md5"] for entry in json.loads(path.read_bytes())] if path.is_file() else []


def _digest(path: Path) -> str | None:
    """Return the MD5 of a file, or of a folder as DVC counts it; None where there is neither."""
    if path.is_file():
        return _md5(path)
    if not path.is_dir():
        return None
    entries: list[dict[str, Any]] = [
        {"md5": _md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in path.rglob("*")
        if file.is_file()
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    listing = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _unlocked(paths: Paths, known: set[Path]) -> Iterator[Fault]:
    """Check what carries its own checksum and no lock file knows, as after a run without DVC."""
    if paths.raw not in known:
        for path in sorted(paths.raw.glob("*")):
            if path.suffix != ".npy" and path.name != checksums.LISTING:
                try:
                    checksums.require(path, made_by="download")
                except InputError as error:
                    what = str(error).partition(": ")[2].partition(";")[0]
                    yield Fault(_name(paths.root, path), what, "python -m pipeline download")
    for path, stage in ((paths.crops, "crop"), (paths.generated, "generate")):
        if path.is_file() and path not in known:
            try:
                npy.load(path, made_by=stage)
            except InputError as error:
                what = str(error).removeprefix(f"{path}: ").partition(";")[0]
                yield Fault(_name(paths.root, path), what, f"python -m pipeline {stage}")
    if paths.generator.is_file() and paths.generator not in known:
        try:
            torch_file.check(paths.generator)
        except torch_file.DamagedFile as error:
            yield Fault(_name(paths.root, paths.generator), str(error), "python -m pipeline train")
    if paths.images_zip.is_file() and paths.images_zip not in known and paths.package.is_file():
        try:
            packed = json.loads(paths.package.read_text("utf-8"))["sha256"]
        except (ValueError, LookupError, TypeError):
            packed = None
        if packed != files.sha256(paths.images_zip):
            what = f"is not the one of {paths.package.name}"
            yield Fault(_name(paths.root, paths.images_zip), what, "python -m pipeline package")


def _checkpoint_faults(root: Path, path: Path) -> Iterator[Fault]:
    try:
        torch_file.check(path)
    except torch_file.DamagedFile as error:
        name = _name(root, path)
        yield Fault(name, str(error), f"rm {name} (training goes on from the one before it)")


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
