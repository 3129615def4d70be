"""IDX files, gzipped or not, and all that may be wrong with one."""

import gzip
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.data.arrays import idx
from tests.data.arrays import made

IMAGES = made.digits(5)[0]


def write(folder: Path, content: bytes, *, packed: bool) -> Path:
    path = folder / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_images_and_labels(tmp_path: Path, packed: bool) -> None:
    for array, dimensions in zip(made.digits(5), (3, 1), strict=True):
        path = write(tmp_path, made.idx(array), packed=packed)
        found = idx.read(path, dimensions=dimensions)
        assert found.dtype == np.uint8 and np.array_equal(found, array)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (made.idx(IMAGES, magic=b"\0\0\x0d\x03"), "magic number 0x00000d03, an IDX file of 3"),
        (made.idx(IMAGES[0, 0]), r"magic number 0x00000801, .* of 3 dimensions .* 0x00000803"),
        (b"<html>sorry</html>", "magic number 0x3c68746d"),
        (b"", "magic number 0x, an"),
        (made.idx(IMAGES)[:9], "cut short in its header, at 9 of 16 bytes"),
        (made.idx(IMAGES)[:-1], "its header says 5 x 28 x 28 bytes, it holds 3,919"),
        (made.idx(IMAGES) + b"\0", "its header says 5 x 28 x 28 bytes, it holds more"),
        (b"\0\0\x08\x03" + b"\xff" * 12, r"its header says 4294967295 x .* more than 256 MiB"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, content: bytes, words: str, packed: bool
) -> None:
    path = write(tmp_path, content, packed=packed)
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: {words}") as error:
        idx.read(path, dimensions=3)
    assert "\n" not in str(error.value)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x: not there$"):
        idx.read(tmp_path / "x", dimensions=3)
    with pytest.raises(InputError, match="cut short or damaged"):
        idx.read(tmp_path, dimensions=3)


def test_a_cut_gzip_at_every_length(tmp_path: Path) -> None:
    whole = gzip.compress(made.idx(IMAGES[:1, :4, :4]))
    for length in range(len(whole)):
        path = tmp_path / "file"
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            idx.read(path, dimensions=3)


def test_a_damaged_gzip_never_gives_another_array(tmp_path: Path) -> None:
    """Each byte changed: refused (its checksum), or read as before (the header's time)."""
    small = IMAGES[:1, :4, :4]
    whole = gzip.compress(made.idx(small))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path = tmp_path / "file"
        path.write_bytes(damaged)
        try:
            found = idx.read(path, dimensions=3)
        except InputError:
            continue
        assert np.array_equal(found, small), place


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    """A header of 4 bytes' worth, and 200 MB behind it; and a header of 1 GB."""
    bombs = {
        "it holds more": made.idx(np.zeros((1, 2, 2), np.uint8)) + bytes(200 << 20),
        "more than 256 MiB": b"\0\0\x08\x03\0\0\x04\0\0\0\x04\0\0\0\x04\0" + bytes(200 << 20),
    }
    for words, content in bombs.items():
        path = write(tmp_path, content, packed=True)
        del content
        tracemalloc.start()
        with pytest.raises(InputError, match=words):
            idx.read(path, dimensions=3)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 << 20
