"""The competition's files through the API: whole, resumed, checked."""

import hashlib
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.common.paths import Paths
from pipeline.data.sources.kaggle import layout_of
from pipeline.download.errors import FileCorrupt
from pipeline.kaggle.api import competitions, errors
from pipeline.stages import crop, download
from tests.kaggle import competition
from tests.kaggle.conftest import HASTE
from tests.standins.kaggle_api import COMPETITION, PAINTER, KaggleStandIn

DOGS = layout_of(COMPETITION)
PAINTINGS = layout_of(PAINTER)


@pytest.fixture
def served(kaggle: KaggleStandIn) -> KaggleStandIn:
    """Two zips of random bytes, a megabyte each."""
    for name in ("all-dogs.zip", "Annotation.zip"):
        with zipfile.ZipFile(kaggle.data / name, "w") as archive:
            archive.writestr("file", os.urandom(1 << 20))
    return kaggle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where they go; not there yet."""
    return tmp_path / "new" / "folder"


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def ranges(kaggle: KaggleStandIn) -> list[str | None]:
    return [entry.asked["range"] for entry in kaggle.server.log if entry.call == "GET"]


def test_the_files_arrive_whole_and_once(served: KaggleStandIn, folder: Path) -> None:
    assert competitions.download_files(COMPETITION, folder, HASTE, DOGS) == folder
    assert digests(folder) == digests(served.data)
    served.server.log.clear()
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert served.server.log == [], "whole files are not fetched again"


def test_one_that_is_missing_is_fetched_alone(served: KaggleStandIn, folder: Path) -> None:
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    (folder / "Annotation.zip").unlink()
    served.server.log.clear()
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert served.sent("DownloadDataFile") == 1
    assert digests(folder) == digests(served.data)


def test_a_cut_is_resumed_where_it_was(served: KaggleStandIn, folder: Path) -> None:
    # The client itself follows the redirect, hence a first GET that is given up.
    served.fault("GET", skip=1, drop="during")
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    resumed = [asked for asked in ranges(served) if asked]
    assert len(resumed) == 1
    assert int(resumed[0].removeprefix("bytes=").rstrip("-")) > 1 << 18
    assert digests(folder) == digests(served.data)


def test_a_later_run_resumes_what_an_earlier_one_left(served: KaggleStandIn, folder: Path) -> None:
    served.fault("GET", skip=1, drop="during")
    served.fault("DownloadDataFile", skip=1, times=9, status=503)
    with pytest.raises(errors.Unavailable):
        competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert not (folder / "all-dogs.zip").exists(), "a part is never taken for the whole"
    served.server.faults.clear()
    served.server.log.clear()
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert any(ranges(served))
    assert digests(folder) == digests(served.data)


def test_a_file_that_changed_meanwhile_is_fetched_anew(served: KaggleStandIn, folder: Path) -> None:
    """Two versions' bytes never meet in one file."""
    served.fault("GET", skip=1, drop="during")
    served.fault("DownloadDataFile", skip=1, times=9, status=503)
    with pytest.raises(errors.Unavailable):
        competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    served.server.faults.clear()
    with zipfile.ZipFile(served.data / "all-dogs.zip", "w") as archive:
        archive.writestr("file", os.urandom(1 << 20))
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert digests(folder) == digests(served.data)


def test_a_part_longer_than_the_file_is_thrown_away(served: KaggleStandIn, folder: Path) -> None:
    path = served.data / "all-dogs.zip"
    tag = f'"{path.stat().st_size:x}-{path.stat().st_mtime_ns:x}"'
    folder.mkdir(parents=True)
    (folder / "all-dogs.zip.part").write_bytes(b"x" * (2 << 20))
    record = {"length": None, "etag": tag, "last_modified": None}
    record |= {"content_type": None, "sha256": None}
    (folder / "all-dogs.zip.json").write_text(json.dumps(record))
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert digests(folder) == digests(served.data)


def test_a_truncated_file_that_looks_whole_is_not_kept(served: KaggleStandIn, folder: Path) -> None:
    served.fault("GET", skip=1, keep=0.7)
    with pytest.raises(FileCorrupt, match=r"all-dogs\.zip: not a whole zip .* run the same"):
        competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("length", ["chunked", "none"])
def test_an_answer_without_a_length_is_taken_to_its_end(
    served: KaggleStandIn, folder: Path, length: str
) -> None:
    served.fault("GET", times=9, length=length)
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert digests(folder) == digests(served.data)


def test_a_cut_of_a_chunked_answer_is_resumed(served: KaggleStandIn, folder: Path) -> None:
    served.fault("GET", skip=1, length="chunked", drop="during")
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert len([asked for asked in ranges(served) if asked]) == 1
    assert digests(folder) == digests(served.data)


@pytest.mark.parametrize("length", ["chunked", "none"])
def test_the_archive_tells_where_the_end_came_too_early(
    served: KaggleStandIn, folder: Path, length: str
) -> None:
    """Without a length a cut may pass for the end: what came is checked, and fetched again."""
    served.fault("GET", skip=1, length=length, keep=0.7)
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert digests(folder) == digests(served.data)
    (folder / "all-dogs.zip").unlink()
    served.fault("GET", times=9, length=length, keep=0.7)
    with pytest.raises(errors.Unavailable, match=r"all-dogs\.zip: not a whole zip"):
        competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert not (folder / "all-dogs.zip").exists()


def test_a_silent_server_is_left(served: KaggleStandIn, folder: Path) -> None:
    served.fault("GET", skip=1, hang_s=30)
    competitions.download_files(COMPETITION, folder, HASTE, DOGS)
    assert digests(folder) == digests(served.data)


def test_a_competition_that_one_has_not_joined(kaggle: KaggleStandIn, folder: Path) -> None:
    kaggle.fault("DownloadDataFile", status=403)
    with pytest.raises(errors.AccessRefused, match="accept the competition's rules"):
        competitions.download_files(COMPETITION, folder, HASTE, DOGS)


def test_no_disk_no_download(
    served: KaggleStandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The space is checked before the first byte is written."""
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(Exception, match="make room for"):
        competitions.download_files(COMPETITION, folder, HASTE, DOGS)


def test_the_crops_are_those_of_the_stanford_archives_of_the_same_photos(
    kaggle: KaggleStandIn, tmp_path: Path
) -> None:
    competition.write_zips(kaggle.data)
    _write_stanford(kaggle.data, tmp_path / "stanford")
    sources = {
        "kaggle": {
            "data.source": "kaggle",
            "competition": COMPETITION,
        },
        "stanford": {
            "data.source": "stanford-dogs",
            "data.stanford_dogs.images_mirrors": [str(tmp_path / "stanford" / "images.tar")],
            "data.stanford_dogs.annotation_mirrors": [
                str(tmp_path / "stanford" / "annotation.tar")
            ],
        },
    }
    crops = {}
    for name, changes in sources.items():
        settings = competition.parameters(changes)
        paths = Paths(tmp_path / name)
        for stage in (download, crop):
            stage.run(paths, **{section: getattr(settings, section) for section in stage.SECTIONS})
        crops[name] = np.load(paths.crops)
    assert len(crops["kaggle"]) == 24
    # Not in the same order: Stanford's photos lie in a folder a breed.
    kinds = [{one.tobytes() for one in crops[name]} for name in sources]
    assert kinds[0] == kinds[1]


def _write_stanford(zips: Path, folder: Path) -> None:
    """The same members as Stanford Dogs packs them: a folder a breed, in tars."""
    folder.mkdir()
    breeds = {breed.partition("-")[0]: breed for breed in competition.BREEDS}
    for source, target in (("all-dogs.zip", "images.tar"), ("Annotation.zip", "annotation.tar")):
        with zipfile.ZipFile(zips / source) as archive, tarfile.open(folder / target, "w") as tar:
            for name in archive.namelist():
                stem = Path(name).stem
                place = {
                    "images.tar": f"Images/{breeds[stem.partition('_')[0]]}/{stem}.jpg",
                    "annotation.tar": name,
                }[target]
                path = folder / "member"
                path.write_bytes(archive.read(name))
                tar.add(path, place)


def test_the_open_competitions_data_are_one_zip_of_all(kaggle: KaggleStandIn, folder: Path) -> None:
    given = kaggle.data / f"{PAINTER}.zip"
    competition.write_paintings_zip(given)
    kaggle.fault("GET", drop="during")
    competitions.download_files(PAINTER, folder, HASTE, PAINTINGS)
    assert (folder / given.name).read_bytes() == given.read_bytes()
    assert [path.name for path in folder.iterdir()] == [given.name]
    assert kaggle.sent("DownloadDataFile") == 0
    asked = kaggle.sent("DownloadDataFiles")
    competitions.download_files(PAINTER, folder, HASTE, PAINTINGS)
    assert kaggle.sent("DownloadDataFiles") == asked, "a whole file is kept"
