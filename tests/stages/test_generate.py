"""The generate stage: count, order, seeds; the same image whatever the count."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common import files, npy
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import schema
from pipeline.models.sampling import decode, draw_inputs
from pipeline.stages import generate
from tests import toy
from tests.factories import write_generator
from tests.standins import small_disk


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    write_generator(paths.generator)
    return paths


def run(paths: Paths, **changes: object) -> np.ndarray:
    settings = {"count": 300, "seed": 1, "truncation": None} | changes
    generate.run(paths, device="cpu", generate=schema.Generate(**settings))
    return np.load(paths.generated)


def test_image_i_comes_from_seed_and_i(paths: Paths) -> None:
    images = run(paths)
    assert images.shape == (300, 16, 16, 3) and images.dtype == np.uint8
    made = write_generator(paths.generator)  # the same weights
    inputs = draw_inputs(1, "samples", 277, 1, latent_dim=8)
    alone = decode(made.network, inputs, torch.device("cpu"))[0]
    # Sums in another order may move a value at the edge of rounding by one level.
    assert np.abs(images[277].astype(int) - alone).max() <= 1
    assert len(np.unique(images.reshape(300, -1), axis=0)) == 300


def test_same_bytes_again_and_a_shorter_run_is_a_prefix(paths: Paths) -> None:
    whole = run(paths)
    content = paths.generated.read_bytes()
    run(paths)
    assert paths.generated.read_bytes() == content
    assert np.abs(run(paths, count=260).astype(int) - whole[:260]).max() <= 1
    assert not np.array_equal(run(paths, seed=2), whole)


def test_truncation_narrows_the_images(paths: Paths) -> None:
    whole, narrow = run(paths), run(paths, truncation=0.1)
    assert narrow.std(axis=0).mean() < whole.std(axis=0).mean() / 3


def test_one_channel(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    write_generator(paths.generator, channels=1)
    images = run(paths, count=260)
    assert images.shape == (260, 16, 16, 1)
    assert len(np.unique(images.reshape(260, -1), axis=0)) == 260


def test_classes_come_in_the_datas_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.register(monkeypatch)
    paths = Paths(tmp_path)
    made = write_generator(
        paths.generator,
        family="toy",
        parameters={"width": 12, "conditional": True},
        class_counts={"a": 30, "b": 10},
    )
    images = run(paths, count=400).astype(int)
    of_class = {label: made.sample(1, 400, label=label).astype(int) for label in "ab"}
    # Each image is that of its latent in one class or the other.
    off = np.stack([np.abs(images - other).max((1, 2, 3)) for other in of_class.values()])
    assert (off.min(axis=0) <= 1).all() and (off.max(axis=0) > 1).all()
    share = (off[1] <= 1).mean()
    assert abs(share - 0.25) < 5 * (0.25 * 0.75 / 400) ** 0.5  # standard errors


@pytest.mark.parametrize("left_bytes", [0, 4096, 100_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, left_bytes: int
) -> None:
    """Also where the disk fills up while images are drawn: the space is there at the start, then
    another program takes it."""
    generator = paths.generator.read_bytes()
    with small_disk.mounted(paths.root / "small", 1 << 20) as disk:
        here = Paths(disk)
        files.write_bytes(here.generator, generator)
        small_disk.fill(disk, left_bytes)
        with pytest.raises(files.DiskFull, match=r"generate needs 0\.2 MB, 0\.\d MB are free"):
            run(here)
        monkeypatch.setattr(files, "require_space", lambda *_: None)
        with pytest.raises(files.DiskFull, match=r"No space left on device; make room"):
            run(here)
        assert [path.name for path in here.generated.parent.iterdir()] == ["generator.pt"]


def test_without_a_generator_it_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train one first"):
        run(Paths(tmp_path))


def labels(paths: Paths, **changes: object) -> list[str]:
    run(paths, **changes)
    return npy.load(paths.generated_labels, made_by="generate").tolist()


def test_the_classes_of_the_images_lie_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.register(monkeypatch)
    paths = Paths(tmp_path)
    made = write_generator(
        paths.generator,
        family="toy",
        parameters={"width": 12, "conditional": True},
        class_counts={"rare": 1, "Irish setter": 9},
    )
    found = labels(paths)
    assert len(found) == 300 and set(found) == {"rare", "Irish setter"}
    assert 0.03 < found.count("rare") / 300 < 0.2  # in the data's shares
    images = np.load(paths.generated).astype(int)
    for row in (found.index("rare"), found.index("Irish setter"), 299):
        alone = made.sample(1, 1, first=row, label=found[row])[0]
        other = next(name for name in ("rare", "Irish setter") if name != found[row])
        assert np.abs(images[row] - alone).max() <= 1
        assert np.abs(images[row] - made.sample(1, 1, first=row, label=other)[0]).max() > 1
    assert labels(paths, truncation=0.5) == found
    assert labels(paths, count=260) == found[:260]
    assert labels(paths, seed=2) != found


def test_a_generator_that_is_told_no_class_leaves_no_labels(paths: Paths) -> None:
    assert labels(paths) == []
