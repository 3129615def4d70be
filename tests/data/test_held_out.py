"""The data's own test set: its labels are those of the training data, or it is refused."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.data import held_out
from pipeline.data.arrays.raw import LabelledImages
from pipeline.images.shape import ImageShape
from tests import factories, labelled

NAMES = ("pug", "beagle", "boxer")  # as a source names them: not sorted
DATASET = factories.dataset(6, 16, classes=("beagle", "boxer", "pug"))


def write(path: Path, labels: list[int], names: tuple[str, ...] = NAMES, side_px: int = 16) -> None:
    images = factories.images(4, side_px)
    held_out.write(path, LabelledImages(images, np.array(labels, np.int64)), names)


def test_labels_become_rows_of_the_data_sets_classes(tmp_path: Path) -> None:
    path = tmp_path / "held_out.npz"
    write(path, [0, 1, 2, 0])
    found = held_out.load(path, DATASET)
    assert [found.class_names[label] for label in found.labels] == ["pug", "beagle", "boxer", "pug"]
    assert found.labels.dtype == np.int64 and found.shape == DATASET.shape
    assert np.array_equal(found.images, factories.images(4, 16))
    assert np.array_equal(held_out.load_images(path), found.images)


def test_a_digit_keeps_its_class_on_both_sides(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    dataset, test = labelled.load(labelled.digits(tmp_path))
    names = np.array(dataset.class_names)
    both = np.concatenate([names[dataset.labels], names[test.labels]])
    assert both.tolist() == [str(digit) for digit in load_digits().target]
    assert len(test) == 297


def test_no_test_set_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "held_out.npz"
    held_out.write_empty(path, ImageShape(16, 3))
    assert len(held_out.load(path, DATASET)) == len(held_out.load_images(path)) == 0


@pytest.mark.parametrize(
    ("labels", "names", "words"),
    [
        ([0, 1, 2, 3], (*NAMES, "corgi"), "images of the class 'corgi', of which there is no"),
        ([0, 1, 2, 3], NAMES, "a label that is none of its 3 classes"),
        ([0, -1, 2, 1], NAMES, "a label that is none of its 3 classes"),
        ([0, 1, 2], NAMES, "4 images and 3 labels"),
    ],
)
def test_other_labels_are_one_line(
    tmp_path: Path, labels: list[int], names: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "held_out.npz"
    write(path, labels, names)
    with pytest.raises(InputError, match=words) as told:
        held_out.load(path, DATASET)
    assert "\n" not in str(told.value)


def test_a_class_without_a_test_image_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "held_out.npz"
    write(path, [0, 1, 1, 0], (*NAMES, "corgi"))
    assert held_out.load(path, DATASET).class_counts == (2, 0, 2)


def test_missing_cut_short_and_of_another_shape_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "held_out.npz"
    with pytest.raises(InputError, match="run the crop stage first"):
        held_out.load(path, DATASET)
    write(path, [0, 1, 2, 0], side_px=32)
    with pytest.raises(InputError, match="its images are 32x32x3, the crops 16x16x3"):
        held_out.load(path, DATASET)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not whole"):
        held_out.load_images(path)
