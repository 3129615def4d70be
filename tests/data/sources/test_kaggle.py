"""The competition's files from a local path, as zips and as the copies of them are unpacked."""

import os
import zipfile
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.data.archives import reader
from pipeline.data.archives.reader import ArchiveDamaged
from pipeline.data.sources import kaggle

DOGS = kaggle.layout_of("generative-dog-images")
MONET = kaggle.layout_of("gan-getting-started")

PICTURES = {"n02085620_7.jpg": b"seven", "n02085936_1.jpg": b"one"}
XML = {
    "n02085620-Chihuahua/n02085620_7": b"<annotation>7",
    "n02085936-Maltese_dog/n02085936_1": b"<annotation>1",
}


def lay_out(place: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def zipped(path: Path, prefix: str, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(prefix + name, content)


def written(raw: Path, place: Path) -> dict[str, dict[str, bytes]]:
    raw.mkdir(exist_ok=True)
    kaggle.copy(raw, folder=place, layout=DOGS)
    assert len(list(raw.iterdir())) == 2
    result = {}
    for stem in ("images", "annotation"):
        with reader.open_archive(raw, stem) as archive:
            assert archive.skipped == ()
            result[stem] = {name: archive.read(name) for name in archive.names}
    return result


EXPECTED = {
    "images": {f"all-dogs/{name}": content for name, content in PICTURES.items()},
    "annotation": {f"Annotation/{name}": content for name, content in XML.items()},
}


def test_the_two_zips(tmp_path: Path) -> None:
    zipped(tmp_path / "all-dogs.zip", "all-dogs/", PICTURES)
    zipped(tmp_path / "Annotation.zip", "Annotation/", XML)
    assert written(tmp_path / "raw", tmp_path) == EXPECTED
    for stem, name in (("images", "all-dogs"), ("annotation", "Annotation")):
        copy = tmp_path / "raw" / f"{stem}.zip"
        assert copy.read_bytes() == (tmp_path / f"{name}.zip").read_bytes()
        assert copy.stat().st_nlink == 1  # DVC changes the permissions of what it takes


@pytest.mark.parametrize("pictures", ["all-dogs", "all-dogs/all-dogs"])
@pytest.mark.parametrize(
    "annotation",
    ["annotation", "Annotation", "annotation/Annotation", "Annotation/Annotation"],
)
def test_unpacked(tmp_path: Path, pictures: str, annotation: str) -> None:
    lay_out(tmp_path / "in" / pictures, PICTURES)
    lay_out(tmp_path / "in" / annotation, XML)
    lay_out(tmp_path / "in", {"sample_submission.csv": b""})
    assert written(tmp_path / "raw", tmp_path / "in") == EXPECTED


def test_unpacked_is_always_the_same(tmp_path: Path) -> None:
    images = []
    for number, names in enumerate((sorted(PICTURES), sorted(PICTURES, reverse=True))):
        place = tmp_path / str(number)
        lay_out(place / "all-dogs", {name: PICTURES[name] for name in names})
        lay_out(place / "annotation", XML)
        os.utime(place / "all-dogs" / names[0], (number, number))
        written(tmp_path / f"raw{number}", place)
        images.append((tmp_path / f"raw{number}" / "images.tar").read_bytes())
    assert images[0] == images[1]


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    lay_out(tmp_path / "in" / "all-dogs", PICTURES)
    lay_out(tmp_path / "in" / "annotation", XML)
    (tmp_path / "in" / "all-dogs" / "n9_9.jpg").symlink_to(secret)
    assert written(tmp_path / "raw", tmp_path / "in") == EXPECTED


def test_two_photos_of_one_name_are_both_taken(tmp_path: Path) -> None:
    pictures = PICTURES | {"copy/n02085620_7.jpg": b"again", "all-dogs/n02085936_1.jpg": b"third"}
    lay_out(tmp_path / "in" / "all-dogs", pictures)
    lay_out(tmp_path / "in" / "annotation", XML)
    assert written(tmp_path / "raw", tmp_path / "in")["images"] == {
        f"all-dogs/{name}": content for name, content in pictures.items()
    }


def test_one_rule_for_names_in_folders_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(
        tmp_path / "in" / "all-dogs",
        PICTURES
        | {
            "odd\\name.jpg": b"x",
            "two\nlines.jpg": b"x",
            "._n02085620_7.jpg": b"x",
            ".ipynb_checkpoints/n02085620_7-checkpoint.jpg": b"x",
            "Thumbs.db": b"x",
            "notes.txt": b"x",
        },
    )
    with open(os.fsencode(tmp_path / "in" / "all-dogs") + b"/caf\xe9.jpg", "wb") as file:
        file.write(b"x")
    lay_out(
        tmp_path / "in" / "annotation",
        XML | {"n02085620-Chihuahua/.ipynb_checkpoints/n02085620_7-checkpoint": b"x"},
    )
    assert written(tmp_path / "raw", tmp_path / "in") == EXPECTED
    said = capsys.readouterr().out
    assert (
        "images.tar: left out: hidden file: 2, hidden folder: 1, other files: 1, unsafe name: 3\n"
    ) in said
    assert "annotation.tar: left out: hidden folder: 1\n" in said


def test_a_folder_with_nothing_to_take_says_what_it_holds(tmp_path: Path) -> None:
    lay_out(tmp_path / "all-dogs", {"notes.txt": b"x", ".a.jpg": b"x"})
    with pytest.raises(InputError, match="holds no images; left out: hidden file: 1, other files"):
        kaggle.copy(tmp_path, folder=tmp_path, layout=DOGS)


def test_a_zip_with_nothing_to_take_says_why(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all-dogs.zip", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("all-dogs/n02085620_7.jpg", b"seven")
    with pytest.raises(InputError, match=r"all-dogs\.zip: none of its 1 files .* by bzip2"):
        kaggle.copy(tmp_path / "raw", folder=tmp_path, layout=DOGS)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.kaggle\.path: .*none: no such folder"):
        kaggle.copy(tmp_path, folder=tmp_path / "none", layout=DOGS)
    with pytest.raises(InputError, match=r"neither all-dogs\.zip nor a folder all-dogs"):
        kaggle.copy(tmp_path, folder=tmp_path, layout=DOGS)
    lay_out(tmp_path / "all-dogs", PICTURES)
    with pytest.raises(InputError, match=r"neither annotation\.zip nor a folder annotation"):
        kaggle.copy(tmp_path, folder=tmp_path, layout=DOGS)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "all-dogs").mkdir()
    with pytest.raises(InputError, match="all-dogs: holds no images"):
        kaggle.copy(tmp_path, folder=tmp_path, layout=DOGS)


def test_a_cut_zip(tmp_path: Path) -> None:
    zipped(tmp_path / "all-dogs.zip", "all-dogs/", PICTURES)
    whole = (tmp_path / "all-dogs.zip").read_bytes()
    (tmp_path / "all-dogs.zip").write_bytes(whole[:-30])
    (tmp_path / "raw").mkdir()
    with pytest.raises(ArchiveDamaged, match=r"all-dogs\.zip: not a whole zip"):
        kaggle.copy(tmp_path / "raw", folder=tmp_path, layout=DOGS)


# --- a competition whose data are one zip ---------------------------------------------------------

PAINTINGS = {"000c1e3bff.jpg": b"water", "011835cfbf.jpg": b"poppies"}


def painted(raw: Path, place: Path) -> dict[str, bytes]:
    """The files of images.tar; there are no annotations."""
    raw.mkdir(exist_ok=True)
    kaggle.copy(raw, folder=place, layout=MONET)
    with reader.open_archive(raw, "annotation") as archive:
        assert archive.names == ()
    with reader.open_archive(raw, "images") as archive:
        return {name: archive.read(name) for name in archive.names}


def test_the_paintings_alone_are_taken_from_the_zip_or_from_a_kernels_folder(
    tmp_path: Path,
) -> None:
    """A kernel finds `monet_jpg/`, the API gives one zip with that folder beside others."""
    with zipfile.ZipFile(tmp_path / "gan-getting-started.zip", "w") as file:
        for name, content in PAINTINGS.items():
            file.writestr(f"monet_jpg/{name}", content)
        file.writestr("monet_tfrec/monet00-60.tfrec", b"records")
        file.writestr("photo_jpg/00068bc07f.jpg", b"photo")
    expected = {f"Images/monet/{name}": content for name, content in PAINTINGS.items()}
    assert painted(tmp_path / "from zip", tmp_path) == expected
    lay_out(tmp_path / "input" / "monet_jpg", PAINTINGS)
    lay_out(tmp_path / "input" / "photo_jpg", {"1.jpg": b"photo"})
    assert painted(tmp_path / "from folder", tmp_path / "input") == expected
    tars = [tmp_path / name / "images.tar" for name in ("from zip", "from folder")]
    assert tars[0].read_bytes() == tars[1].read_bytes()


def test_a_zip_without_the_paintings_is_named(tmp_path: Path) -> None:
    zipped(tmp_path / "gan-getting-started.zip", "photo_jpg/", {"1.jpg": b"photo"})
    with pytest.raises(InputError, match=r"gan-getting-started\.zip: holds no folder monet_jpg"):
        painted(tmp_path / "raw", tmp_path)
    (tmp_path / "gan-getting-started.zip").unlink()
    with pytest.raises(InputError, match=r"monet_jpg nor gan-getting-started\.zip"):
        painted(tmp_path / "raw", tmp_path)


def test_no_competition_has_no_data() -> None:
    with pytest.raises(InputError, match="competition none has no data"):
        kaggle.layout_of("none")
