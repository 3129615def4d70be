"""Reading what a run left: whole, in part, broken."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.common import files
from pipeline.common.paths import Paths
from pipeline.report.run import read_run
from tests.report.synthetic import CLASSES, SIDE, write_run


@pytest.mark.parametrize("channels", [1, 3])
def test_a_whole_run_is_read_whole(tmp_path: Path, channels: int) -> None:
    run = read_run(write_run(tmp_path, channels=channels))
    assert run.missing == ()
    assert run.crops.shape == (60, SIDE, SIDE, channels)
    assert run.generated.shape == (80, SIDE, SIDE, channels)
    assert isinstance(run.crops, np.memmap)  # a gigabyte of crops must not be loaded for a page
    assert [panel.title for panel in run.curves] == [
        "loss (nats)", "gradient norm", "quality & <i>"
    ]  # fmt: skip
    assert list(run.grids) == [0, 40_000, 80_000, 160_000]
    assert set(run.index["class"]) == set(CLASSES)  # "NA" is a name
    assert run.stages["train"]["seconds"] == 400.0


def test_a_run_of_nothing_names_each_file_and_its_stage(tmp_path: Path) -> None:
    missing = {item.file: item.stage for item in read_run(Paths(tmp_path)).missing}
    assert missing == {
        "data/index.csv": "crop",
        "data/crops.npy": "crop",
        "data/held_out.npz": "crop",
        "outputs/curves.csv": "train",
        "outputs/history.csv": "train",
        "outputs/grids": "train",
        "outputs/training.json": "train",
        "outputs/generated.npy": "generate",
        "outputs/package.json": "package",
        "outputs/metrics.json": "score",
        "outputs/nearest.json": "score",
        "outputs/generator.pt": "train",
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/index.csv", b"file,class\na,b\n"),
        ("data/index.csv", b'"unclosed'),
        ("data/index.csv", b""),
        ("data/crops.npy", b"\x93NUMPY"),
        ("data/crops.npy", b""),
        ("data/held_out.npz", b"PK"),
        ("outputs/curves.csv", b"images_seen,value\n1,1\n"),
        ("outputs/curves.csv", b"images_seen,panel,metric,label,value\n"),
        ("outputs/curves.csv", b"images_seen,panel,metric,label,value\n1,p,m,l,\n"),
        ("outputs/metrics.json", b"{"),
        ("outputs/metrics.json", b"[1]"),
        ("outputs/metrics.json", b"\xff\xfe"),
        ("outputs/metrics.json", b'{"mifid": "low"}'),
        ("outputs/metrics.json", b'{"mifid": NaN}'),
        ("outputs/metrics.json", b'{"threshold": true}'),
        ("outputs/nearest.json", b'"x"'),
        ("outputs/nearest.json", b'{"pairs": [3]}'),
        ("outputs/curves.csv", b"images_seen,panel,metric,label,value\nmany,p,m,l,1\n"),
        ("outputs/curves.csv", b"images_seen,panel,metric,label,value\n,p,m,l,1\n"),
        ("outputs/curves.csv", b"images_seen,panel,metric,label,value\n1,p,m,l,high\n"),
        ("data/index.csv", b"file,class,xmin,ymin,xmax,ymax,crop,reason\n"),
    ],
)
def test_a_broken_file_is_named_and_the_rest_is_read(
    tmp_path: Path, name: str, content: bytes
) -> None:
    paths = write_run(tmp_path, generator=False)
    (tmp_path / name).write_bytes(content)
    run = read_run(paths)
    broken = [item for item in run.missing if item.file == name]
    assert len(broken) == 1
    assert broken[0].why.startswith("cannot be read (") and "\n" not in broken[0].why
    assert run.training is not None and len(run.missing) == 2  # it, and the generator


def half(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose(path: Path) -> None:
    """The first row of 8,000 images."""
    lines = path.read_text().splitlines(keepends=True)
    lines.remove(next(line for line in lines if line.startswith("8000,")))
    path.write_text("".join(lines))


def change(path: Path) -> None:
    """The last digit of the first value."""
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1][:-2] + ("1" if lines[1][-2] != "1" else "2") + "\n"
    path.write_text("".join(lines))


def raise_fid(path: Path) -> None:
    text = path.read_text()
    assert '"fid": 41.7' in text
    path.write_text(text.replace('"fid": 41.7', '"fid": 41.8'))


@pytest.mark.parametrize(
    ("name", "damage", "why"),
    [
        ("data/index.csv", half, "names 32 crops, crops.npy holds 60"),
        ("outputs/curves.csv", half, "ends at 80,000 images, training.json at 160,000"),
        ("outputs/curves.csv", lose, "does not agree with history.csv: loss_one at 8,000 images"),
        ("outputs/curves.csv", change, "does not agree with history.csv: loss_one at 4,000 images"),
        ("outputs/history.csv", half, "ends at 76,000 images, training.json at 160,000"),
        ("outputs/history.csv", cut, "cannot be read (has a row of another length)"),
        ("outputs/metrics.json", raise_fid, "its MiFID is not its FID over its memorisation"),
        ("outputs/samples.png", flip, "cannot be read ("),
        ("outputs/samples.png", cut, "cannot be read ("),
        ("outputs/nearest.png", flip, "cannot be read ("),
        ("outputs/grids/000080000.png", flip, "cannot be read ("),
        ("outputs/generator.pt", cut, "cannot be read (File is not a zip file)"),
        ("outputs/generator.pt", flip, "cannot be read (the checksum of its part"),
        ("data/crops.npy", flip, "cannot be read (damaged, its checksum is another"),
        ("outputs/generated.npy", cut, "cannot be read (no whole array"),
        ("outputs/images.zip", flip, "is not the one of package.json"),
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, name: str, damage: Callable[[Path], None], why: str
) -> None:
    paths = write_run(tmp_path)
    paths.images_zip.write_bytes(bytes(1000))
    package = {"sha256": files.sha256(paths.images_zip), "images": 80}
    files.write_json(paths.package, package)
    assert read_run(paths).missing == ()
    damage(tmp_path / name)
    (item,) = read_run(paths).missing
    assert item.file == name and why in item.why and not item.is_absent


@pytest.mark.parametrize("content", [b"", b"{}", b'{"seconds": null}', b'{"seconds": "x"}'])
def test_a_broken_log_of_a_stage_is_passed_over(tmp_path: Path, content: bytes) -> None:
    paths = write_run(tmp_path, generator=False)
    (paths.stage_log / "train.json").write_bytes(content)
    assert "train" not in read_run(paths).stages and "crop" in read_run(paths).stages


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((3, 4, 4, 3), np.float32), "float32 (3, 4, 4, 3)"),
        (np.zeros((3, 4, 4, 2), np.uint8), "uint8 (3, 4, 4, 2)"),
        (np.zeros((3, 4, 4), np.uint8), "uint8 (3, 4, 4)"),
        (np.zeros((0, 4, 4, 1), np.uint8), "no image"),
    ],
)
def test_an_array_of_another_kind_is_refused(tmp_path: Path, array: np.ndarray, why: str) -> None:
    paths = write_run(tmp_path, generator=False)
    np.save(paths.generated, array)
    said = next(item.why for item in read_run(paths).missing if "generated" in item.file)
    assert why in said
