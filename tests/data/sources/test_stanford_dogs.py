"""Stanford Dogs through the list of mirrors: two archives, each at its place."""

import hashlib
from pathlib import Path

import pytest

from pipeline.config import params
from pipeline.data.archives import reader
from pipeline.data.sources import stanford_dogs
from pipeline.download.mirrors import DownloadCorrupt
from tests.data.sources.requests import request
from tests.standins.file_server import FileServer, Served

IMAGES = [("Images/n02085620-Chihuahua/n02085620_7.jpg", b"jpeg")]
ANNOTATION = [("Annotation/n02085620-Chihuahua/n02085620_7", b"<annotation>")]


def tar_bytes(folder: Path, members: list[tuple[str, bytes]]) -> bytes:
    reader.write_tar(folder / "made.tar", members)
    return (folder / "made.tar").read_bytes()


@pytest.fixture
def settings(repository: Path) -> stanford_dogs.Parameters:
    return params.load(repository / "params.yaml").data.stanford_dogs


def test_fetches_both(tmp_path: Path, settings: stanford_dogs.Parameters) -> None:
    images, annotation = tar_bytes(tmp_path, IMAGES), tar_bytes(tmp_path, ANNOTATION)
    served = {"/images.tar": Served(images), "/annotation.tar": Served(annotation)}
    with FileServer(served) as server:
        parameters = settings.model_copy(
            update={
                "images_mirrors": (server.url("/gone.tar"), server.url("/images.tar")),
                "annotation_mirrors": (server.url("/annotation.tar"),),
                "images_sha256": hashlib.sha256(images).hexdigest(),
            }
        )
        asked = request(tmp_path)
        stanford_dogs.write(asked, parameters)
    assert (asked.raw / "images.tar").read_bytes() == images
    assert (asked.raw / "annotation.tar").read_bytes() == annotation


def test_mirrors_that_are_swapped(tmp_path: Path, settings: stanford_dogs.Parameters) -> None:
    (tmp_path / "images.tar").write_bytes(tar_bytes(tmp_path, IMAGES))
    (tmp_path / "annotation.tar").write_bytes(tar_bytes(tmp_path, ANNOTATION))
    parameters = settings.model_copy(
        update={"images_mirrors": ("annotation.tar",), "annotation_mirrors": ("images.tar",)}
    )
    with pytest.raises(DownloadCorrupt, match=r"no files in Annotation/ \(is it the other"):
        stanford_dogs.write(request(tmp_path), parameters)


def of_local_files(
    tmp_path: Path,
    settings: stanford_dogs.Parameters,
    images: list[tuple[str, bytes]],
    annotation: list[tuple[str, bytes]],
) -> stanford_dogs.Parameters:
    (tmp_path / "images.tar").write_bytes(tar_bytes(tmp_path, images))
    (tmp_path / "annotation.tar").write_bytes(tar_bytes(tmp_path, annotation))
    changes = {"images_mirrors": ("images.tar",), "annotation_mirrors": ("annotation.tar",)}
    return settings.model_copy(update=changes)


@pytest.mark.parametrize(("above", "change"), [("", str.lower), ("dogs/", str), ("./", str.upper)])
def test_top_folders_in_another_case_or_place(
    tmp_path: Path, settings: stanford_dogs.Parameters, above: str, change
) -> None:
    moved = [
        [(f"{above}{change(name.split('/')[0])}/{name.split('/', 1)[1]}", content)]
        for ((name, content),) in (IMAGES, ANNOTATION)
    ]
    asked = request(tmp_path)
    stanford_dogs.write(asked, of_local_files(tmp_path, settings, *moved))
    with reader.open_archive(asked.raw, "images") as archive:
        assert len(archive.names) == 1


def test_another_top_folder_is_named(tmp_path: Path, settings: stanford_dogs.Parameters) -> None:
    parameters = of_local_files(tmp_path, settings, [("cats/1.jpg", b"x")], ANNOTATION)
    with pytest.raises(DownloadCorrupt, match=r"no files in Images/ \(.*\); it holds cats"):
        stanford_dogs.write(request(tmp_path), parameters)


def test_the_default_mirrors_are_the_official_ones(settings: stanford_dogs.Parameters) -> None:
    place = "http://vision.stanford.edu/aditya86/ImageNetDogs"
    assert settings.images_mirrors == (f"{place}/images.tar",)
    assert settings.annotation_mirrors == (f"{place}/annotation.tar",)
