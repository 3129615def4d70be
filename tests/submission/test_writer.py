"""What is written is accepted, repeatable and whole; what is no submission is not written."""

import io
import stat
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.competitions.form import SubmissionFormat
from pipeline.submission.reader import SubmissionInvalid, check_zip, read_zip
from pipeline.submission.writer import write_zip
from tests import factories
from tests.factories import noise
from tests.forms import DOGS, MONET
from tests.submission.foreign import LARGE, SMALL_GREY


def test_the_competitions_format() -> None:
    form = DOGS
    assert (form.shape.side_px, form.shape.channels, form.counts) == (64, 3, (10_000, 10_000))
    assert form.file_names(10_000)[::9_999] == ["00000.png", "09999.png"]


def test_names_sort_as_numbers_beyond_five_digits() -> None:
    names = DOGS.file_names(100_001)
    assert names == sorted(names)
    assert (names[0], names[-1]) == ("000000.png", "100000.png")
    assert DOGS.file_names(100_000)[-1] == "99999.png"
    assert SMALL_GREY.file_names(2) == ["000.png", "001.png"]


@pytest.mark.parametrize("form", [DOGS, SMALL_GREY, LARGE], ids=lambda form: form.competition)
def test_what_is_written_reads_back(tmp_path: Path, form: SubmissionFormat) -> None:
    images = noise(5, form.shape.side_px, channels=form.shape.channels)
    images[4] = images[2]
    path = tmp_path / "images.zip"
    written = write_zip(path, images, form)
    decoded = read_zip(path, form)
    assert np.array_equal(decoded.images, images)
    assert decoded.names == [f"{n}.png".zfill(form.name_digits + 4) for n in range(5)]
    assert written.sha256 == files.sha256(path)
    assert written.bytes == path.stat().st_size
    assert (written.images, written.duplicates) == (5, 1)
    assert check_zip(path, form, count=5) == written


def test_bytes_are_the_same_run_to_run(tmp_path: Path) -> None:
    images = noise(3, 64)
    write_zip(tmp_path / "a.zip", images, DOGS)
    time.sleep(2.1)  # a zip's clock ticks every two seconds: a real time stamp would show
    write_zip(tmp_path / "b.zip", images, DOGS)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_attributes_are_fixed_on_every_system(tmp_path: Path) -> None:
    write_zip(tmp_path / "images.zip", noise(2, 64), DOGS)
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.create_system == 3
            assert entry.external_attr >> 16 == stat.S_IFREG | 0o644
            assert entry.compress_type == zipfile.ZIP_STORED


BAD_ARRAYS = {
    "another side": (noise(2, 32), "must be 64x64x3"),
    "one channel": (noise(2, 64, channels=1), "must be 64x64x3"),
    "float": (noise(2, 64).astype(np.float32), "float32"),
    "none": (noise(0, 64), "holds no images"),
    "too many": (
        np.broadcast_to(np.zeros((1, 64, 64, 3), np.uint8), (200_001, 64, 64, 3)),
        "holds 200,001 files",  # before the work: it would take minutes
    ),
}


@pytest.mark.parametrize("fault", BAD_ARRAYS)
def test_nothing_is_written_when_the_images_are_wrong(tmp_path: Path, fault: str) -> None:
    images, reason = BAD_ARRAYS[fault]
    with pytest.raises(InputError, match=reason):
        write_zip(tmp_path / "images.zip", images, DOGS)
    assert list(tmp_path.iterdir()) == []


def test_an_older_zip_survives_a_refusal(tmp_path: Path) -> None:
    target = tmp_path / "images.zip"
    write_zip(target, noise(2, 64), DOGS)
    before = target.read_bytes()
    with pytest.raises(SubmissionInvalid):
        write_zip(target, noise(2, 32), DOGS)
    assert target.read_bytes() == before


# --- JPEG ---------------------------------------------------------------------------------------


def paintings(count: int) -> np.ndarray:
    """Return smooth images of 256 px, (count, 256, 256, 3): JPEG keeps them nearly as they are."""
    return factories.images(count, MONET.shape.side_px, knots=8)


def test_jpeg_is_written_the_same_again_and_read_back(tmp_path: Path) -> None:
    images = paintings(5)
    found = write_zip(tmp_path / "a.zip", images, MONET)
    write_zip(tmp_path / "b.zip", images, MONET)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (found.images, found.duplicates) == (5, 0)
    decoded = read_zip(tmp_path / "a.zip", MONET, count=5)
    assert decoded.names == [f"{number:05d}.jpg" for number in range(5)]
    assert decoded.images.shape == images.shape
    assert np.abs(decoded.images.astype(int) - images).mean() < 1.0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        # Pillow itself, as an evaluator would read them.
        opened = [Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    assert {(one.format, one.mode, one.size) for one in opened} == {("JPEG", "RGB", (256, 256))}
    assert np.array_equal(np.stack([np.asarray(one) for one in opened]), decoded.images)


def test_repeated_paintings_are_counted(tmp_path: Path) -> None:
    images = paintings(3)[[0, 1, 0]]
    assert write_zip(tmp_path / "a.zip", images, MONET).duplicates == 1
