"""Arrays that carry a checksum: NumPy reads them, and damage is noticed wherever it lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipeline.common import files, npy
from pipeline.common.errors import InputError
from tests import factories

IMAGES = factories.images(5)


@contextmanager
def grown(path: Path) -> Iterator[None]:
    with npy.growing(path, IMAGES.shape[1:]) as append:
        append(IMAGES[:2])
        append(IMAGES[2:])
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    npy.write(tmp_path / "a.npy", IMAGES)
    return tmp_path / "a.npy"


def test_numpy_reads_it_mapped_or_not(path: Path) -> None:
    for mode in (None, "r", "c"):
        np.testing.assert_array_equal(np.load(path, mmap_mode=mode), IMAGES)
    np.testing.assert_array_equal(npy.load(path, made_by="crop"), IMAGES)


def test_the_last_line_is_the_hash_of_what_numpy_writes(path: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", IMAGES)
    plain = (tmp_path / "plain.npy").read_bytes()
    digest = files.sha256(tmp_path / "plain.npy").encode()
    assert path.read_bytes() == plain + b"sha256 " + digest + b"\n"


def test_rows_one_after_the_other_make_the_same_file(path: Path, tmp_path: Path) -> None:
    with grown(tmp_path / "grown.npy"):
        pass
    assert (tmp_path / "grown.npy").read_bytes() == path.read_bytes()


def test_an_error_halfway_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), grown(tmp_path / "grown.npy"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_an_array_made_elsewhere_is_taken(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", IMAGES)
    np.testing.assert_array_equal(npy.load(tmp_path / "plain.npy", made_by="crop"), IMAGES)


def test_only_a_writable_array_can_be_written_to_and_the_file_stays(path: Path) -> None:
    before = path.read_bytes()
    npy.load(path, made_by="crop", writable=True)[0] = 0
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="read-only"):
        npy.load(path, made_by="crop")[0] = 0


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    """One bit in each byte of the header and of the record, and every seventh byte between them."""
    content = path.read_bytes()
    header_bytes = len(content) - IMAGES.nbytes - npy.RECORD_BYTES
    end = len(content) - npy.RECORD_BYTES
    places = [*range(header_bytes), *range(header_bytes, end, 7), *range(end, len(content))]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"run the crop stage again"):
            npy.load(path, made_by="crop")


@pytest.mark.parametrize("left", [0, 1, 6, 60, 128, 1000, -73, -71, -1])
def test_a_cut_file_is_noticed(path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InputError, match=r"a\.npy: .+; run the crop stage again, or see `python"):
        npy.load(path, made_by="crop")


def test_what_is_no_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(InputError, match=r"a\.npy: not there; run the crop stage first"):
        npy.load(path, made_by="crop")
    with path.open("wb") as file:
        np.savez(file, a=IMAGES)
    with pytest.raises(InputError, match="an archive, not one array"):
        npy.load(path, made_by="crop")
    path.write_bytes(b"text")
    with pytest.raises(InputError, match=r"no whole array"):
        npy.load(path, made_by="crop")
