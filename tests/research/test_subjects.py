"""Images of other subjects: data sets in two parts, drawn scenes."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.common.errors import InputError
from research.distillation import subjects
from tests.data.arrays import made


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(subjects.MNIST, str(made.write_mnist(tmp_path / "mnist")))
    unpacked = made.write_mnist(tmp_path / "fashion", packed=False, train=12)
    monkeypatch.setenv(subjects.FASHION_MNIST, str(unpacked))
    cifar = made.write_cifar(tmp_path / "cifar", made.cifar_files(train=9))
    monkeypatch.setenv(subjects.CIFAR, str(cifar))


@pytest.mark.usefixtures("folders")
def test_half_of_the_kinds_are_for_training() -> None:
    kinds = subjects.data_set_kinds()
    names = [f"cifar {name}" for name in made.CIFAR_CLASSES]
    assert set(kinds["training"]) == {"mnist", *names[::2]}
    assert set(kinds["test"]) == {"fashion", *names[1::2]}
    assert len(kinds["training"]["mnist"]) == 30
    assert len(kinds["test"]["fashion"]) == 12
    assert kinds["training"][names[0]].shape == (15, 32, 32, 3)


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize("variable", subjects.FOLDERS)
@pytest.mark.parametrize("value", ["", "nowhere"])
def test_a_folder_that_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=rf"^{variable} = '{value}': set this") as raised:
        subjects.data_set_kinds()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("shape", [(6, 28, 28), (6, 32, 32, 3)])
def test_chosen_images_are_enlarged_and_each_is_there_once(shape: tuple[int, ...]) -> None:
    levels = np.arange(6, dtype=np.uint8) * 40
    images = np.broadcast_to(levels.reshape(6, *(1,) * (len(shape) - 1)), shape).copy()
    found = subjects.chosen(images, 6, np.random.default_rng(1))
    assert found.shape == (6, 64, 64, 3)
    assert sorted(found[:, 0, 0, 0]) == levels.tolist()
    assert (found == found[:, :1, :1, :1]).all()


@pytest.mark.parametrize("kind", [*subjects.SCENES, *subjects.UNSEEN_SCENES])
def test_drawn_scenes_differ_and_repeat(kind: str) -> None:
    scenes = subjects.drawn(kind, 20, np.random.default_rng(1))
    assert scenes.shape == (20, 64, 64, 3)
    assert scenes.dtype == np.uint8
    assert np.array_equal(scenes, subjects.drawn(kind, 20, np.random.default_rng(1)))
    assert len(np.unique(scenes.reshape(20, -1), axis=0)) == 20
    assert np.ptp(scenes.reshape(20, -1), axis=1).min() > 60
