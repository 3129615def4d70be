"""Files of torch's: a full disk keeps its name, every flipped bit that matters is noticed."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.common import files, torch_file
from tests.standins import small_disk

CONTENT = {"weights": torch.arange(3000.0), "rows": [{"fid": None}], "name": "Zoë"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch_file.save(tmp_path / "a.pt", CONTENT)
    return tmp_path / "a.pt"


def same(left: dict, right: dict) -> bool:
    plain = {name: value for name, value in left.items() if name != "weights"}
    others = {name: value for name, value in right.items() if name != "weights"}
    return plain == others and torch.equal(left["weights"], right["weights"])


def test_it_reads_back_and_torch_reads_it_too(path: Path) -> None:
    torch_file.check(path)
    assert same(torch_file.load(path), CONTENT)
    assert same(torch.load(path, weights_only=True), CONTENT)


def test_the_files_name_is_not_in_its_bytes(path: Path, tmp_path: Path) -> None:
    torch_file.save(tmp_path / "another.pt", CONTENT)
    assert (tmp_path / "another.pt").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("largest_bytes", [0, 100, 5000, 10_000])
def test_a_full_disk_keeps_its_name(tmp_path: Path, largest_bytes: int) -> None:
    with small_disk.files_limited(largest_bytes):
        with pytest.raises(OSError) as told:
            torch_file.save(tmp_path / "a.pt", CONTENT)
        assert told.value.errno == errno.EFBIG
        with (
            pytest.raises(files.DiskFull, match=r"b\.pt: File too large; make room and run again"),
            files.atomic(tmp_path / "b.pt") as temporary,
        ):
            torch_file.save(temporary, CONTENT)
    assert not list(tmp_path.glob("*b.pt*"))


def test_no_flipped_bit_changes_what_is_read(path: Path) -> None:
    """One bit in every 37th byte, and in each of the last 1,500: the archive's directory."""
    content = path.read_bytes()
    noticed = 0
    places = [*range(0, len(content) - 1500, 37), *range(len(content) - 1500, len(content))]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = torch_file.load(path)
        except torch_file.DamagedFile as error:
            noticed += 1
            assert str(error) and "\n" not in str(error)
        else:
            assert same(found, CONTENT), place  # padding, or a date that nobody reads
    assert noticed > len(places) / 2


@pytest.mark.parametrize("left", [0, 1, 100, 10_000, -1])
def test_a_cut_file_is_noticed(path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(torch_file.DamagedFile):
        torch_file.check(path)


def test_the_check_alone_loads_no_torch(path: Path, repository: Path) -> None:
    script = (
        "import sys, pathlib; from pipeline.common import torch_file;"
        "torch_file.check(pathlib.Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], cwd=repository, check=True)
