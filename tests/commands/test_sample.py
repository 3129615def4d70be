"""`sample` and `interpolate`: the right pictures in the right files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.report import latents
from tests.report.synthetic import SIDE, write_generator


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_generator(folder / "outputs" / "generator.pt", seed=4)
    return folder


def command(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), *arguments])


def tiles(path: Path, columns: int, rows: int) -> np.ndarray:
    """Cut a grid with gaps of 2 px into its pictures, row by row."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    step = SIDE + 2
    assert sheet.shape == (rows * step - 2, columns * step - 2, 3)
    return np.stack([
        sheet[y * step : y * step + SIDE, x * step : x * step + SIDE]
        for y in range(rows)
        for x in range(columns)
    ])  # fmt: skip


def test_sample_writes_the_seeds_pictures(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "slide.png"
    assert command(root, "sample", "--count", "6", "--seed", "7", "--columns", "3",
                   "--out", str(out)) == 0  # fmt: skip
    expected = latents.samples(root / "outputs" / "generator.pt", count=6, seed=7)
    np.testing.assert_array_equal(tiles(out, 3, 2), expected)


def test_fewer_pictures_are_the_first_ones(root: Path) -> None:
    for count in ("2", "4"):
        assert command(root, "sample", "--count", count, "--seed", "7") == 0
        kept = tiles(root / "outputs" / "sample-7.png", int(count), 1)[:2]
        if count == "2":
            two = kept
    # One level apart at most: a batch of another size may be summed in another order.
    assert np.abs(kept.astype(int) - two.astype(int)).max() <= 1


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_interpolate_writes_an_endless_animation_and_a_grid(
    root: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"walk{suffix}"
    assert command(root, "interpolate", "--stops", "3", "--steps", "4", "--scale", "2",
                   "--seed", "7", "--out", str(out)) == 0  # fmt: skip
    with Image.open(io.BytesIO(out.read_bytes())) as animation:
        assert animation.n_frames == 12
        assert animation.size == (2 * SIDE, 2 * SIDE)
        assert animation.info["loop"] == 0
        animation.load()
        assert animation.info["duration"] == 80
    grid = tiles(tmp_path / "walk.png", 5, 3)
    # A row ends where the next begins, and the last where the first does.
    np.testing.assert_array_equal(grid[4], grid[5])
    np.testing.assert_array_equal(grid[14], grid[0])
    stops = latents.samples(root / "outputs" / "generator.pt", count=3, seed=7)
    assert np.abs(grid[[0, 5, 10]].astype(int) - stops.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["sample", "--count", "0"], "--count 0"),
        (["sample", "--columns", "-1"], "--columns -1"),
        (["sample", "--seed", "-1"], "--seed -1"),
        (["sample", "--truncation", "0"], "--truncation 0"),
        (["sample", "--out", "x.jpg"], "x.jpg"),
        (["interpolate", "--stops", "1"], "--stops 1"),
        (["interpolate", "--frame-ms", "0"], "--frame-ms 0"),
        (["interpolate", "--out", "x.mp4"], "x.mp4"),
        (["sample", "--generator", "nowhere.pt"], "nowhere.pt"),
        (["interpolate", "--generator", "nowhere.pt"], "nowhere.pt"),
    ],
)
def test_bad_input_is_one_line(
    root: Path, capsys: pytest.CaptureFixture, arguments: list[str], named: str
) -> None:
    assert command(root, *arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and named in said
