"""What is taken and what is made: a run of digits, its own folder, a file of certified digits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common import npy
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.data.dataset import Dataset
from pipeline.sudoku import preparation
from pipeline.sudoku.digits import certificate, pool
from tests import factories
from tests.conftest import REPOSITORY
from tests.sudoku import synthetic

DIGITS = pool.DIGITS
SMALL = {
    "classifier.train": True,
    "classifier.images": 256,
    "model.dcgan.channels": 4,
    "train.images": 64,
    "train.log_every_images": 32,
    "train.sample_every_images": 64,
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Networks that are trained for a moment; their pool is one of drawings. Return which
    generators were asked for digits."""
    asked: list[object] = []

    def make(generator: object, classifier: object) -> pool.Pool:
        asked.append(generator)
        return synthetic.pool()

    monkeypatch.setattr(preparation, "_CHANGES", SMALL)
    monkeypatch.setattr(preparation.pool, "make", make)
    return asked


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".ckpt" not in path.parts
    }


def prepared(root: Path) -> preparation.Supply:
    if not (root / "params.yaml").exists():
        factories.write_params(root)
    return preparation.prepare(Paths(root), root / "params.yaml")


def test_what_is_missing_is_made_in_a_folder_of_its_own(
    tmp_path: Path, small: list, capsys: pytest.CaptureFixture
) -> None:
    factories.write_params(tmp_path)
    before = files_of(tmp_path)
    supply = prepared(tmp_path)
    assert files_of(tmp_path) == before, "params.yaml, data/ and outputs/ are the user's"
    own = preparation.own_paths(Paths(tmp_path))
    assert own.root == tmp_path / ".ckpt" / "sudoku"
    assert Dataset.load(own.crops, own.index).class_names == DIGITS
    assert supply.family == "dcgan" and supply.images_seen == 64
    assert supply.test_images == 297 and "scikit-learn" in supply.source
    out = capsys.readouterr().out
    assert "no model of digits at hand" in out and "200 certified digits, 50% of 400" in out
    # The second time nothing is made again.
    first = {path: path.stat().st_mtime_ns for path in own.root.rglob("*") if path.is_file()}
    assert prepared(tmp_path) == supply and len(small) == 1
    assert first == {path: path.stat().st_mtime_ns for path in first}
    assert "no model" not in capsys.readouterr().out
    # Another generator: other digits.
    factories.write_generator(own.generator, class_counts=dict.fromkeys(DIGITS, 10), side_px=32,
                              channels=1, parameters={"channels": 4, "minibatch_stddev": False,
                                                      "conditional": True})  # fmt: skip
    prepared(tmp_path)
    assert len(small) == 2


def write_run(root: Path, class_names: tuple[str, ...]) -> Paths:
    """Write a run on drawn digits: crops, index, an untrained generator; no classifier."""
    factories.write_params(root, classifier__images=256)
    paths = Paths(root)
    images = np.stack([synthetic.drawn(number % 10, number) for number in range(60)])
    npy.write(paths.crops, images)
    factories.write_index(paths.index, [class_names[number % 10] for number in range(60)])
    from pipeline.data import held_out
    from pipeline.images.shape import ImageShape

    held_out.write_empty(paths.held_out, ImageShape(32, 1))
    factories.write_generator(paths.generator, side_px=32, channels=1)
    return paths


def test_a_run_of_digits_is_taken_and_left_as_it_is(tmp_path: Path, small: list) -> None:
    paths = write_run(tmp_path, DIGITS)
    before = files_of(tmp_path)
    supply = prepared(tmp_path)
    assert files_of(tmp_path) == before
    assert supply.images_seen == 160_000 and "data set" in supply.source
    assert small[0].info.shape.side_px == 32
    # Its classifier was trained beside it, and is taken from there the next time.
    own = preparation.own_paths(paths).root / "classifier.pt"
    assert own.is_file() and not (preparation.own_paths(paths)).crops.exists()
    # A classifier of the run itself comes first.
    paths.classifier.write_bytes(own.read_bytes())
    own.unlink()
    prepared(tmp_path)
    assert not own.exists()


def test_a_run_of_something_else_is_not_taken(tmp_path: Path) -> None:
    write_run(tmp_path, tuple(f"dog {number}" for number in range(10)))
    before = files_of(tmp_path)
    assert "scikit-learn" in prepared(tmp_path).source
    assert files_of(tmp_path) == before


def test_a_damaged_generator_is_one_line(tmp_path: Path) -> None:
    paths = write_run(tmp_path, DIGITS)
    paths.generator.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"generator\.pt: not a generator"):
        prepared(tmp_path)


def test_the_preset_is_one_of_a_conditional_model_of_digits() -> None:
    settings = preparation._settings(REPOSITORY / "presets")
    assert settings.data.source == "digits" and settings.model.dcgan.conditional
    assert settings.classifier.train


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_certified_digits_are_read_alike_by_another_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it with real networks: at most 1 % of 1,000 certified digits are read as another
    digit by a classifier of another seed."""
    monkeypatch.undo()
    factories.write_params(tmp_path)
    supply = prepared(tmp_path)
    assert [len(of_digit) for of_digit in supply.pool.pictures] == [100] * 10
    own = preparation.own_paths(Paths(tmp_path))
    settings = preparation._settings(REPOSITORY / "presets").classifier
    from pipeline.stages import classify

    other = replace(own, root=tmp_path / "other")
    for path in (own.crops, own.index, own.held_out):
        copy = other.root / path.relative_to(own.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    classify.run(other, device="cpu", classifier=settings.model_copy(update={"seed": 2}))
    from pipeline.scoring.classifier import saved

    second = saved.load(other.classifier, torch.device("cpu"))
    images = np.stack([_image(each.png) for found in supply.pool.pictures for each in found])
    digits = np.repeat(np.arange(10), 100)
    assert (second.predict(images) != digits).mean() <= 0.01
    # The certificates are those that the classifier gives.
    first = saved.load(own.classifier, torch.device("cpu"))
    read, confidence = certificate.read(images, first)
    assert (read == digits).all() and confidence.min() >= certificate.CONFIDENCE


def _image(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    from pipeline.images import arrays

    return arrays.from_pillow(Image.open(io.BytesIO(png)))
