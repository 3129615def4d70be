"""Images of other subjects: data sets in two parts, drawn scenes."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.common.errors import InputError
from research.distillation import subjects
from tests.data.arrays import made


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {
        "mnist": made.write_mnist(tmp_path / "mnist"),
        "fashion_mnist": made.write_mnist(tmp_path / "fashion", packed=False, train=12),
        "cifar10": made.write_cifar(tmp_path / "cifar", made.cifar_files(train=9)),
    }


def test_half_of_the_kinds_are_for_training(folders: dict[str, Path]) -> None:
    kinds = subjects.data_set_kinds(**folders)
    names = [f"cifar {name}" for name in made.CIFAR_CLASSES]
    assert set(kinds["training"]) == {"mnist", *names[::2]}
    assert set(kinds["test"]) == {"fashion", *names[1::2]}
    assert len(kinds["training"]["mnist"]) == 30
    assert len(kinds["test"]["fashion"]) == 12
    assert kinds["training"][names[0]].shape == (15, 32, 32, 3)
    inner = folders["cifar10"] / "cifar-10-batches-py"
    again = subjects.data_set_kinds(**folders | {"cifar10": inner})
    assert np.array_equal(again["training"][names[0]], kinds["training"][names[0]])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_folder_without_the_files_is_one_line(
    tmp_path: Path, folders: dict[str, Path], name: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty") as raised:
        subjects.data_set_kinds(**folders | {name: tmp_path / "empty"})
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
