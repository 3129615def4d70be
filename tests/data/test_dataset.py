"""The data set that the crop stage leaves: images with their classes, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.data import index
from pipeline.data.dataset import Dataset, load_images
from pipeline.images.shape import ImageShape
from tests import factories


def load(paths: Paths) -> Dataset:
    return Dataset.load(paths.crops, paths.index)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_those_of_the_file(tmp_path: Path, channels: int) -> None:
    paths = factories.workplace(tmp_path, 5, 16, channels=channels)
    dataset = load(paths)
    assert len(dataset) == 5
    assert dataset.shape == ImageShape(16, channels)
    assert dataset.images.dtype == np.uint8
    assert np.array_equal(dataset.images, factories.images(5, 16, channels=channels))


def test_one_class_is_label_0(tmp_path: Path) -> None:
    dataset = load(factories.workplace(tmp_path, 4, classes=("pug",)))
    assert dataset.class_names == ("pug",) and dataset.class_counts == (4,)
    assert dataset.labels.dtype == np.int64 and dataset.labels.tolist() == [0, 0, 0, 0]


def test_photos_without_a_class_are_of_one(tmp_path: Path) -> None:
    dataset = load(factories.workplace(tmp_path, 3, classes=("",)))
    assert dataset.class_names == ("",) and dataset.labels.tolist() == [0, 0, 0]


def test_labels_are_rows_of_the_sorted_names(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path, 5)
    # "NA" and numbers are names, too.
    factories.write_index(paths.index, ["pug", "NA", "10", "pug", "Pug"])
    dataset = load(paths)
    assert dataset.class_names == ("10", "NA", "Pug", "pug")
    assert dataset.labels.tolist() == [3, 1, 0, 3, 2]
    assert dataset.class_counts == (1, 1, 1, 2)


def row(crop: int | None, name: str) -> index.Row:
    reason = "too small" if crop is None else ""
    return index.Row("a.jpg", name, 0, 1.0, 1.0, 90.0, 70.0, crop, reason)


def test_rows_without_a_crop_have_no_label_and_any_order_will_do(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path, 3)
    rows = [row(2, "c"), row(None, "dropped"), row(0, "a"), row(1, "b"), row(None, "a")]
    index.write(paths.index, rows)
    dataset = load(paths)
    assert dataset.class_names == ("a", "b", "c")  # "dropped" has no image
    assert dataset.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("crops", [[0, 1], [0, 1, 2, 3], [0, 1, 1], [0, 1, 3], []])
def test_an_index_of_other_crops_is_one_line(tmp_path: Path, crops: list[int]) -> None:
    paths = factories.workplace(tmp_path, 3)
    index.write(paths.index, [row(number, "a") for number in crops] + [row(None, "a")])
    with pytest.raises(InputError) as told:
        load(paths)
    assert str(told.value) == (
        f"{paths.index}: names {len(crops)} crops, crops.npy holds 3: they are not of one run; run "
        f"the crop stage again"
    )


def test_missing_and_broken_files_are_one_line(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path, 3)
    paths.index.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"index.csv: "):
        load(paths)
    paths.index.unlink()
    with pytest.raises(InputError, match=r"index.csv: not there; run the crop stage first"):
        load(paths)
    paths.crops.write_bytes(b"junk")
    with pytest.raises(InputError, match=r"crops.npy: not an array in NumPy's format \(.+\)$"):
        load(paths)
    paths.crops.write_bytes(b"")
    with pytest.raises(InputError, match="not an array"):
        load(paths)
    paths.crops.unlink()
    with pytest.raises(InputError, match=r"crops.npy: no crops here; make them first"):
        load(paths)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 16, 16, 3), np.float32), r"float32 \(2, 16, 16, 3\)"),
        (np.zeros((2, 16, 32, 3), np.uint8), r"uint8 \(2, 16, 32, 3\)"),
        (np.zeros((2, 16, 16, 4), np.uint8), r"uint8 \(2, 16, 16, 4\)"),
        (np.zeros((2, 16, 16), np.uint8), r"uint8 \(2, 16, 16\)"),
    ],
)
def test_other_arrays_are_one_line(tmp_path: Path, array: np.ndarray, words: str) -> None:
    paths = factories.workplace(tmp_path)
    np.save(paths.crops, array)
    with pytest.raises(InputError, match=rf"crops.npy: must be uint8 .*, not {words}$"):
        load_images(paths.crops)


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path)
    np.save(paths.crops, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not an array"):
        load_images(paths.crops)


def test_crops_can_be_written_to_without_changing_the_file(tmp_path: Path) -> None:
    """torch wants a writable array; the pages are copied on write."""
    paths = factories.workplace(tmp_path, 3)
    before = paths.crops.read_bytes()
    images = load_images(paths.crops)
    images[0] = 255
    del images
    assert paths.crops.read_bytes() == before
