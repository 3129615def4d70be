"""Arrays in data/raw, and from them to crops: splits, padding, labels, the held-out part."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common import checksums
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.data import held_out, index
from pipeline.data.arrays import crops, raw
from pipeline.data.arrays.raw import LabelledImages, RawArrays
from pipeline.data.dataset import Dataset
from tests import factories

NAMES = ("pug", "beagle", "ape")  # not sorted


def labelled(count: int, *, seed: int = 0, side: int = 28, channels: int = 1) -> LabelledImages:
    images = factories.images(count, side, seed=seed, channels=channels)
    return LabelledImages(images, np.arange(count, dtype=np.int64) % 3)


def arrays(train: int = 12, test: int = 6, **of_images: int) -> RawArrays:
    parts = labelled(train, **of_images), labelled(test, seed=1, **of_images)
    return RawArrays(*parts, NAMES)


# --- splits ------------------------------------------------------------------------------------
def test_what_is_trained_on_and_what_is_held_out() -> None:
    train, test = labelled(12), labelled(6, seed=1)
    for which, first, second in (("train", train, test), ("test", test, train)):
        found = raw.split(train, test, which, NAMES)
        assert np.array_equal(found.training.images, first.images)
        assert np.array_equal(found.held_out.labels, second.labels)
    both = raw.split(train, test, "both", NAMES)
    assert np.array_equal(both.training.images, np.concatenate([train.images, test.images]))
    assert np.array_equal(both.training.labels, np.concatenate([train.labels, test.labels]))
    assert both.held_out.images.shape == (0, 28, 28, 1) and len(both.held_out.labels) == 0


def test_a_class_without_an_image_is_one_line() -> None:
    train = labelled(12)
    without = LabelledImages(train.images[train.labels != 1], train.labels[train.labels != 1])
    with pytest.raises(InputError, match=r"^no image to train on of the class beagle$"):
        raw.split(without, train, "train", NAMES)
    raw.split(without, train, "both", NAMES)


# --- data/raw ----------------------------------------------------------------------------------
@pytest.mark.parametrize("test", [6, 0])
def test_written_and_read(tmp_path: Path, test: int) -> None:
    before = arrays(test=test)
    assert not RawArrays.is_in(tmp_path)
    before.write(tmp_path)
    assert RawArrays.is_in(tmp_path)
    found = RawArrays.load(tmp_path)
    assert found.class_names == NAMES
    for ours, theirs in ((found.training, before.training), (found.held_out, before.held_out)):
        assert np.array_equal(ours.images, theirs.images)
        assert np.array_equal(ours.labels, theirs.labels)
    assert isinstance(found.training.images, np.memmap)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "held_out_images.npy"])
def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path, name: str) -> None:
    arrays().write(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[150] ^= 1
    for damaged in (bytes(content), bytes(content[:100]), b""):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{name}: .*run the download stage again"):
            RawArrays.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: not there; run the download stage"):
        RawArrays.load(tmp_path)


def test_missing_names_are_one_line(tmp_path: Path) -> None:
    arrays().write(tmp_path)
    (tmp_path / "classes.json").write_text("[")
    with pytest.raises(InputError, match=r"classes\.json: not whole .*run the download stage"):
        RawArrays.load(tmp_path)


def test_names_other_than_the_download_stage_wrote_are_refused(tmp_path: Path) -> None:
    arrays().write(tmp_path)
    checksums.write(tmp_path, ["classes.json"])
    RawArrays.load(tmp_path)
    content = (tmp_path / "classes.json").read_bytes()
    (tmp_path / "classes.json").write_bytes(content.replace(b"a", b"o"))
    with pytest.raises(InputError, match=r"classes\.json: damaged, its checksum is another"):
        RawArrays.load(tmp_path)


# --- crops -------------------------------------------------------------------------------------
def test_28_px_are_padded_to_32_with_black() -> None:
    images = factories.images(3, 28, channels=1)
    found = crops.fit_side(images, 32)
    assert found.shape == (3, 32, 32, 1)
    assert np.array_equal(found[:, 2:30, 2:30], images)
    found[:, 2:30, 2:30] = 0
    assert not found.any()


def test_the_same_side_is_the_same_bytes() -> None:
    images = factories.images(3, 32)
    assert np.array_equal(crops.fit_side(images, 32), images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("before", "after"), [(8, 32), (28, 64), (32, 16), (32, 64), (28, 16)])
def test_other_sides_are_pillows_bicubic(before: int, after: int, channels: int) -> None:
    images = factories.images(3, before, channels=channels)
    found = crops.fit_side(images, after)
    for ours, image in zip(found, images, strict=True):
        opened = Image.fromarray(image if channels == 3 else image[..., 0])
        theirs = opened.resize((after, after), Image.Resampling.BICUBIC)
        assert np.array_equal(ours, np.asarray(theirs).reshape(after, after, channels))


def test_an_image_that_is_no_square_lies_in_the_middle() -> None:
    images = factories.images(2, 30, channels=1)[:, :24]
    found = crops.fit_side(images, 32)
    assert np.array_equal(found[:, 4:28, 1:31], images)


def test_crops_index_and_test_set_belong_together(tmp_path: Path) -> None:
    paths, before = Paths(tmp_path), arrays(train=2500)  # three blocks
    crops.write(
        before, side_px=32, crops=paths.crops, index_csv=paths.index, test_set=paths.held_out
    )
    dataset = Dataset.load(paths.crops, paths.index)
    assert dataset.class_names == tuple(sorted(NAMES))
    names = np.array(NAMES)[before.training.labels]
    assert np.array_equal(np.array(dataset.class_names)[dataset.labels], names)
    assert np.array_equal(dataset.images[:, 2:30, 2:30], before.training.images)
    unseen = held_out.load(paths.held_out, dataset)
    assert np.array_equal(unseen.images[:, 2:30, 2:30], before.held_out.images)
    names = np.array(NAMES)[before.held_out.labels]
    assert np.array_equal(np.array(unseen.class_names)[unseen.labels], names)
    table = index.read(paths.index)
    assert list(table["crop"]) == list(range(2500))
    assert table["object"].isna().all() and (table["reason"].fillna("") == "").all()


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        paths = Paths(tmp_path / name)
        files = {"crops": paths.crops, "index_csv": paths.index, "test_set": paths.held_out}
        crops.write(arrays(), side_px=32, **files)
        found.append([path.read_bytes() for path in files.values()])
    assert found[0] == found[1]


def test_names_of_any_script_survive(tmp_path: Path) -> None:
    names = ("Ärmel, kurz", '"Hemd"', "ботинок")
    RawArrays(labelled(6), labelled(3), names).write(tmp_path)
    assert json.loads((tmp_path / "classes.json").read_text("utf-8")) == list(names)
    paths = Paths(tmp_path / "run")
    crops.write(
        RawArrays.load(tmp_path),
        side_px=32,
        crops=paths.crops,
        index_csv=paths.index,
        test_set=paths.held_out,
    )
    assert Dataset.load(paths.crops, paths.index).class_names == tuple(sorted(names))
