"""The listing of checksums: what it finds, and what it leaves alone."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.common import checksums
from pipeline.common.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.tar").write_bytes(b"one")
    (tmp_path / "b.tar").write_bytes(b"two")
    checksums.write(tmp_path, ["b.tar", "a.tar"])
    return tmp_path


def test_the_listing_is_what_sha256sum_says(folder: Path) -> None:
    assert json.loads((folder / "sha256.json").read_text()) == {
        "a.tar": hashlib.sha256(b"one").hexdigest(),
        "b.tar": hashlib.sha256(b"two").hexdigest(),
    }
    for name in ("a.tar", "b.tar"):
        checksums.require(folder / name, made_by="download")


def test_a_changed_file_is_refused_and_the_other_is_not(folder: Path) -> None:
    (folder / "a.tar").write_bytes(b"onf")
    with pytest.raises(InputError, match=r"a\.tar: damaged, its checksum is another; run the down"):
        checksums.require(folder / "a.tar", made_by="download")
    checksums.require(folder / "b.tar", made_by="download")


@pytest.mark.parametrize(
    ("listing", "problem"),
    [
        ("", "damaged"),
        ('{"a.tar": "12', "damaged"),
        ("[]", r"does not list a\.tar"),
        ('{"b.tar": "12"}', r"does not list a\.tar"),
        ('{"a.tar": 12}', "damaged"),
        ("\xff", "damaged"),
    ],
)
def test_a_damaged_listing_is_refused(folder: Path, listing: str, problem: str) -> None:
    (folder / "sha256.json").write_bytes(listing.encode("latin-1"))
    with pytest.raises(InputError, match=f"{problem}.*run the download stage again"):
        checksums.require(folder / "a.tar", made_by="download")


def test_without_a_listing_a_file_is_taken_as_it_is(folder: Path) -> None:
    (folder / "sha256.json").unlink()
    checksums.require(folder / "a.tar", made_by="download")
