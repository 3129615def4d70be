"""`verify`: each kind of damage is found, and the printed cure, carried out, mends it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.common import checksums, files
from pipeline.common.paths import Paths
from pipeline.scoring.extractors import embedded
from pipeline.workspace import audit as audit_module
from pipeline.workspace.audit import Fault, audit
from tests import factories
from tests.workspace import project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project.make(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy with a folder of the same name above it, whose state DVC trusts."""
    shutil.copytree(made, tmp_path / "project", symlinks=True, copy_function=shutil.copy2)
    shutil.copytree(made.parent / "home", tmp_path / "home")
    return tmp_path / "project"


def flip(path: Path) -> None:
    """Change one bit as a failing disk does: size and times stay."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def kept(root: Path, name: str) -> Path:
    """The object of DVC's cache that holds these bytes, or the listing that starts so."""
    wanted = (root / name).read_bytes()
    (found,) = (p for p in root.glob(".dvc/cache/files/md5/*/*") if p.read_bytes() == wanted)
    return found


def old(root: Path) -> Path:
    objects = root.glob(".dvc/cache/files/md5/*/*")
    (found,) = (path for path in objects if path.read_bytes() == b"old\nold\n")
    return found


def listing(root: Path) -> Path:
    lock = (root / "dvc.lock").read_text()
    (found,) = (
        path
        for path in root.glob(".dvc/cache/files/md5/*/*.dir")
        if path.parent.name + path.name in lock
    )
    return found


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "an out": (lambda root: flip(root / "data/one.txt"), "data/one.txt is not what its stage made"),
    "a file of a folder": (
        lambda root: flip(root / "data/many/b.txt"),
        "data/many is not what its stage made",
    ),
    "another file in a folder": (
        lambda root: (root / "data/many/c.txt").write_text("c"),
        "data/many is not what its stage made",
    ),
    "an out that is gone": (
        lambda root: (root / "data/one.txt").unlink(),
        "data/one.txt is not there",
    ),
    "an object": (
        lambda root: flip(kept(root, "data/one.txt")),
        "is damaged; DVC would check it out as data/one.txt",
    ),
    "an object of a folder": (
        lambda root: flip(kept(root, "data/many/b.txt")),
        "is damaged; DVC would check it out as data/many",
    ),
    "the listing of a folder": (
        lambda root: flip(listing(root)),
        "is damaged; DVC would check it out as data/many",
    ),
    "an out and its object": (
        lambda root: (flip(kept(root, "data/one.txt")), flip(root / "data/one.txt")),
        "is damaged; DVC would check it out as data/one.txt",
    ),
    "an object whose out is gone": (
        lambda root: (flip(kept(root, "data/many/b.txt")), shutil.rmtree(root / "data/many")),
        "is damaged; DVC would check it out as data/many",
    ),
    "an out whose object is gone": (
        lambda root: (kept(root, "data/one.txt").unlink(), flip(root / "data/one.txt")),
        "data/one.txt is not what its stage made",
    ),
    "an object of an old version": (lambda root: flip(old(root)), "of another version of an out"),
    "a metric that git keeps": (
        lambda root: flip(root / "size.json"),
        "size.json is not what its stage made",
    ),
}


def test_a_sound_checkout_has_no_fault(root: Path) -> None:
    found = audit(root)
    assert found.faults == []
    # Two versions of one.txt, and a.txt has the same bytes; b.txt; two listings; the run cache's
    # copy of size.json.
    assert found.checked == {
        "objects of DVC's cache": 6,
        "outs": 3,
        "checkpoints": 0,
        "weights": 1,
    }


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_the_cure_mends_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Where DVC has its cache here; it takes a second to say so, as for the sound checkout above.
    monkeypatch.setattr(audit_module, "_cache", lambda root: root / ".dvc/cache")
    content = {
        path: path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] in ("data", "size.json")
    }
    damage, said = DAMAGE[name]
    damage(root)
    faults = audit(root).faults
    assert faults and any(said in f"{fault.path} {fault.what}" for fault in faults), faults
    for fault in faults:
        project.run(root, "bash", "-ec", fault.cure)
    assert audit(root).faults == []
    assert {path: path.read_bytes() for path in content} == content
    assert set((root / "data/many").iterdir()) <= set(content)


BUNDLE = """
stages:
  bundle:
    cmd: mkdir -p kernels/built && cp data/one.txt kernels/built/
    wdir: ..
    deps: [data/one.txt]
    outs: [{kernels/built: {cache: false}}]
"""


def test_a_stage_with_a_folder_of_its_own_is_found_where_it_writes(root: Path) -> None:
    """As kernels/dvc.yaml: paths are from its `wdir`, and no cache has its out."""
    (root / "kernels").mkdir()
    (root / "kernels/dvc.yaml").write_text(BUNDLE)
    project.run(root, "dvc", "repro", "kernels/dvc.yaml:bundle")
    assert audit(root).faults == []
    flip(root / "kernels/built/one.txt")
    (fault,) = audit(root).faults
    assert (fault.path, fault.what) == ("kernels/built", "is not what its stage made")
    project.run(root, "bash", "-ec", fault.cure)
    assert audit(root).faults == []
    assert (root / "kernels/built/one.txt").read_bytes() == (root / "data/one.txt").read_bytes()


def test_files_that_no_lock_file_knows_are_checked_by_their_own_checksums(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path)
    factories.write_generator(paths.generator)
    paths.images_zip.write_bytes(b"zip")
    files.write_json(paths.package, {"sha256": files.sha256(paths.images_zip)})
    archive = paths.raw / "images.tar"
    archive.parent.mkdir()
    archive.write_bytes(b"tar")
    checksums.write(paths.raw, [archive.name])
    checkpoint = paths.checkpoints / "0123/000000000008.pt"
    checkpoint.parent.mkdir(parents=True)
    shutil.copyfile(paths.generator, checkpoint)
    found = audit(tmp_path)
    assert found.faults == [] and found.checked["checkpoints"] == 1
    for path in (archive, paths.crops, paths.images_zip):
        flip(path)
    for path in (paths.generator, checkpoint):
        path.write_bytes(path.read_bytes()[:-100])
    assert [(fault.path, fault.cure) for fault in audit(tmp_path).faults] == [
        ("data/raw/images.tar", "python -m pipeline download"),
        ("data/crops.npy", "python -m pipeline crop"),
        ("outputs/generator.pt", "python -m pipeline train"),
        ("outputs/images.zip", "python -m pipeline package"),
        (
            ".ckpt/train/0123/000000000008.pt",
            "rm .ckpt/train/0123/000000000008.pt (training goes on from the one before it)",
        ),
    ]


def test_damaged_weights_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "embedded.safetensors"
    shutil.copyfile(embedded.WEIGHTS, damaged)
    flip(damaged)
    monkeypatch.setattr(embedded, "WEIGHTS", damaged)
    assert audit(tmp_path).faults == [
        Fault(
            "embedded.safetensors", "is not the shipped file", "git checkout embedded.safetensors"
        )
    ]


def test_the_command_prints_each_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.__main__ import main

    paths = factories.workplace(tmp_path)
    assert main(["--root", str(tmp_path), "verify"]) == 0
    assert "checked: 0 objects of DVC's cache, 0 outs, 0 checkpoints, 1 weights" in (
        capsys.readouterr().out
    )
    flip(paths.crops)
    assert main(["--root", str(tmp_path), "verify"]) == 1
    said = capsys.readouterr()
    assert "data/crops.npy damaged, its checksum is another\n    python -m pipe" in said.out
    assert said.err == "error: 1 damaged or missing; the cure is below each\n"
    assert Paths(tmp_path).crops.is_file()
