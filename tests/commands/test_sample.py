"""`sample` and `interpolate`: the right images in the right files."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.__main__ import main
from pipeline.models.saved import SavedGenerator
from pipeline.pretrained import weights
from tests import toy
from tests.factories import write_generator

SIDE = 32


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SavedGenerator]:
    """The folder of a run, and the generator in it."""
    folder = tmp_path_factory.mktemp("run")
    return folder, write_generator(folder / "outputs" / "generator.pt", side_px=SIDE)


@pytest.fixture
def root(generator: tuple[Path, SavedGenerator]) -> Path:
    return generator[0]


@pytest.fixture
def saved(generator: tuple[Path, SavedGenerator]) -> SavedGenerator:
    return generator[1]


def command(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), *arguments])


def tiles(path: Path, columns: int, rows: int, *, mode: str = "RGB") -> np.ndarray:
    """Cut a grid with gaps of 2 px into its images, row by row."""
    with Image.open(path) as image:
        assert image.mode == mode
        sheet = np.asarray(image).reshape(image.height, image.width, -1)
    step = SIDE + 2
    assert sheet.shape[:2] == (rows * step - 2, columns * step - 2)
    return np.stack([
        sheet[y * step : y * step + SIDE, x * step : x * step + SIDE]
        for y in range(rows)
        for x in range(columns)
    ])  # fmt: skip


def test_sample_writes_the_seeds_images(root: Path, saved: SavedGenerator, tmp_path: Path) -> None:
    out = tmp_path / "slide.png"
    assert command(root, "sample", "--count", "6", "--seed", "7", "--columns", "3",
                   "--out", str(out)) == 0  # fmt: skip
    np.testing.assert_array_equal(tiles(out, 3, 2), saved.sample(7, 6))
    assert command(root, "sample", "--count", "6", "--seed", "7", "--columns", "3",
                   "--truncation", "0.5", "--out", str(out)) == 0  # fmt: skip
    np.testing.assert_array_equal(tiles(out, 3, 2), saved.sample(7, 6, truncation=0.5))


def test_one_channel_gives_grey_files(tmp_path: Path) -> None:
    made = write_generator(tmp_path / "outputs" / "generator.pt", side_px=SIDE, channels=1)
    assert command(tmp_path, "sample", "--count", "3") == 0
    grid = tiles(tmp_path / "outputs" / "sample-1.png", 3, 1, mode="L")
    np.testing.assert_array_equal(grid, made.sample(1, 3))
    assert command(tmp_path, "interpolate", "--stops", "2", "--steps", "3") == 0
    grid = tiles(tmp_path / "outputs" / "interpolation.png", 4, 2, mode="L")
    np.testing.assert_array_equal(grid[4:7], made.walk(1, 2, 3, closed=True)[3:])
    with Image.open(tmp_path / "outputs" / "interpolation.webp") as animation:
        assert animation.n_frames == 6


def test_sample_draws_the_class_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    toy.register(monkeypatch)
    made = write_generator(
        tmp_path / "outputs" / "generator.pt",
        side_px=SIDE,
        family="toy",
        parameters={"width": 12, "conditional": True},
        class_counts={"beagle": 3, "Irish setter": 1},
    )
    grids = {}
    for label in ("beagle", "Irish setter"):
        assert command(tmp_path, "sample", "--count", "4", "--label", label) == 0
        grids[label] = tiles(tmp_path / "outputs" / "sample-1.png", 4, 1)
        np.testing.assert_array_equal(grids[label], made.sample(1, 4, label=label))
    assert (grids["beagle"] != grids["Irish setter"]).any((1, 2, 3)).all()
    capsys.readouterr()
    assert command(tmp_path, "sample", "--label", "cat") == 1
    said = capsys.readouterr().err
    assert said == "error: label 'cat': no class of this generator (beagle, Irish setter)\n"


def test_interpolate_walks_from_class_to_class_at_one_latent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    toy.register(monkeypatch)
    made = write_generator(
        tmp_path / "outputs" / "generator.pt",
        side_px=SIDE,
        family="toy",
        parameters={"width": 12, "conditional": True},
        class_counts={"beagle": 3, "Irish setter": 1, "pug": 2},
    )
    out = tmp_path / "classes.gif"
    assert command(tmp_path, "interpolate", "--labels", "pug", "beagle", "--steps", "4",
                   "--out", str(out)) == 0  # fmt: skip
    with Image.open(out) as animation:
        assert animation.n_frames == 8 and animation.info["loop"] == 0
    grid = tiles(tmp_path / "classes.png", 5, 2).astype(int)
    for place, label in ((0, "pug"), (4, "beagle"), (5, "beagle"), (9, "pug")):
        assert np.abs(grid[place] - made.sample(1, 1, label=label)[0]).max() <= 1
    # On the way it comes nearer with each step.
    left = np.abs(grid[:5] - grid[4]).mean((1, 2, 3))
    assert (np.diff(left) < 0).all()
    for labels, said in (
        (["pug"], "--labels: name two classes at least"),
        (["pug", "cat"], "label 'cat': no class of this generator (beagle, Irish setter, pug)"),
    ):
        assert command(tmp_path, "interpolate", "--labels", *labels) == 1
        assert capsys.readouterr().err == f"error: {said}\n"


def test_fewer_images_are_the_first_ones(root: Path) -> None:
    for count in ("2", "4"):
        assert command(root, "sample", "--count", count, "--seed", "7") == 0
        kept = tiles(root / "outputs" / "sample-7.png", int(count), 1)[:2]
        if count == "2":
            two = kept
    # One level apart at most: a batch of another size may be summed in another order.
    assert np.abs(kept.astype(int) - two.astype(int)).max() <= 1


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_interpolate_writes_an_endless_animation_and_a_grid(
    root: Path, saved: SavedGenerator, tmp_path: Path, suffix: str
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
    stops = saved.sample(7, 3)
    assert np.abs(grid[[0, 5, 10]].astype(int) - stops.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["sample", "--count", "0"], "--count 0"),
        (["sample", "--columns", "-1"], "--columns -1"),
        (["sample", "--seed", "-1"], "--seed -1"),
        (["sample", "--truncation", "0"], "--truncation 0"),
        (["sample", "--out", "x.jpg"], "x.jpg"),
        (["sample", "--label", "pug"], "label 'pug'"),
        (["interpolate", "--stops", "1"], "--stops 1"),
        (["interpolate", "--frame-ms", "0"], "--frame-ms 0"),
        (["interpolate", "--out", "x.mp4"], "x.mp4"),
        (["interpolate", "--labels", "pug", "boxer"], "label 'pug': no class of this generator"),
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


def test_a_pretrained_generator_needs_no_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    made = weights.load("stanford-dogs", torch.device("cpu"))
    assert command(tmp_path, "sample", "--pretrained", "stanford-dogs", "--count", "8",
                   "--seed", "7") == 0  # fmt: skip
    with Image.open(tmp_path / "outputs" / "sample-7.png") as image:
        sheet = np.asarray(image)
    np.testing.assert_array_equal(sheet[:64, :64], made.sample(7, 8)[0])
    assert command(tmp_path, "interpolate", "--pretrained", "stanford-dogs", "--stops", "2",
                   "--steps", "2") == 0  # fmt: skip
    with Image.open(tmp_path / "outputs" / "interpolation.webp") as animation:
        assert animation.n_frames == 4
    capsys.readouterr()
    for name in ("sample", "interpolate"):
        assert command(tmp_path, name, "--pretrained", "stanford-dogs",
                       "--generator", "my.pt") == 1  # fmt: skip
        said = capsys.readouterr().err
        assert said == "error: --generator and --pretrained: name one of them\n"
