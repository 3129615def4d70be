"""Any directory of pictures, packed."""

import os
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.data.archives import reader
from pipeline.data.sources import folder

WHITE = (255, 255, 255)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    place = tmp_path / "my pizzas"
    for name in (
        "top.png",
        "margherita/b.JPG",
        "margherita/a.webp",
        "napoli/2019/c.gif",
        "napoli/2019/summer/d.tiff",
        "napoli/e.bmp",
    ):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return place


def packed(raw: Path, place: Path) -> dict[str, bytes]:
    raw.mkdir(exist_ok=True)
    folder.pack(raw, folder=place, background=WHITE)
    assert sorted(path.name for path in raw.iterdir()) == ["annotation.tar", "images.tar"]
    with reader.open_archive(raw, "annotation") as annotation:
        assert annotation.names == ()
    with reader.open_archive(raw, "images") as images:
        assert images.skipped == ()
        return {name: images.read(name) for name in images.names}


def test_sub_folders_are_classes(pictures: Path, tmp_path: Path) -> None:
    assert packed(tmp_path / "raw", pictures) == {
        "Images/my pizzas/top.png": b"top.png",
        "Images/margherita/b.JPG": b"margherita/b.JPG",
        "Images/margherita/a.webp": b"margherita/a.webp",
        "Images/napoli/2019__c.gif": b"napoli/2019/c.gif",
        "Images/napoli/2019__summer__d.tiff": b"napoli/2019/summer/d.tiff",
        "Images/napoli/e.bmp": b"napoli/e.bmp",
    }


def test_the_same_files_give_the_same_bytes(pictures: Path, tmp_path: Path) -> None:
    packed(tmp_path / "one", pictures)
    # Made in another order, at another time, in another place.
    copy = tmp_path / "elsewhere" / pictures.name
    for path in sorted(pictures.rglob("*.*"), reverse=True):
        target = copy / path.relative_to(pictures)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        os.utime(target, (1, 1))
        target.chmod(0o600)
    packed(tmp_path / "two", copy)
    one, two = tmp_path / "one" / "images.tar", tmp_path / "two" / "images.tar"
    assert one.read_bytes() == two.read_bytes()


def test_what_is_left_out(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.png").write_bytes(b"secret")
    before = packed(tmp_path / "raw", pictures)
    (pictures / "link.png").symlink_to(secret)
    (pictures / "linked").symlink_to(outside)
    (pictures / ".hidden").mkdir()
    (pictures / ".hidden" / "thumbnail.png").write_bytes(b"x")
    (pictures / "._top.png").write_bytes(b"x")
    (pictures / "readme.txt").write_bytes(b"x")
    (pictures / "new\nline.png").write_bytes(b"x")
    os.mkfifo(pictures / "pipe.png")
    capsys.readouterr()
    assert packed(tmp_path / "raw", pictures) == before
    assert (
        "images.tar: left out: devices: 1, hidden file: 1, hidden folder: 1, links: 2, "
        "other files: 1, unsafe name: 1\n"
    ) in capsys.readouterr().out


def test_what_systems_leave_at_any_depth(pictures: Path, tmp_path: Path) -> None:
    """A Mac's disk, Windows' and Jupyter's own files, all named as images."""
    before = packed(tmp_path / "raw", pictures)
    for name in (
        "napoli/2019/._c.gif",
        "napoli/2019/.hidden.png",
        "napoli/2019/.picasa/x.png",
        "napoli/2019/__MACOSX/x.png",
        "napoli/.ipynb_checkpoints/e-checkpoint.png",
        "napoli/Thumbs.db",
        "napoli/desktop.ini",
    ):
        path = pictures / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert packed(tmp_path / "raw", pictures) == before


def test_a_name_in_latin_1_is_left_out_and_said(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = packed(tmp_path / "raw", pictures)
    with open(os.fsencode(pictures) + b"/napoli/caf\xe9.png", "wb") as file:
        file.write(b"x")
    (pictures / "napoli" / "odd\\name.png").write_bytes(b"x")
    assert packed(tmp_path / "raw", pictures) == before
    assert "images.tar: left out: unsafe name: 2\n" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "label"), [(".pics", "pics"), ("__MACOSX", "images")])
def test_a_hidden_folder_that_the_user_names_is_taken(
    tmp_path: Path, name: str, label: str
) -> None:
    place = tmp_path / ".cache" / name
    (place / "pug").mkdir(parents=True)
    (place / "a.png").write_bytes(b"a")
    (place / "pug" / "b.png").write_bytes(b"b")
    assert packed(tmp_path / "raw", place) == {
        f"Images/{label}/a.png": b"a",
        "Images/pug/b.png": b"b",
    }


def test_names_that_meet_are_told_apart(tmp_path: Path) -> None:
    place = tmp_path / "p"
    (place / "a" / "b").mkdir(parents=True)
    (place / "a" / "b" / "c.png").write_bytes(b"deep")
    (place / "a" / "b__c.png").write_bytes(b"flat")
    assert packed(tmp_path / "raw", place) == {
        "Images/a/b__c.png": b"deep",
        "Images/a/b__c__2.png": b"flat",
    }


def test_a_link_to_the_folder_itself_is_fine(pictures: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(pictures)
    assert packed(tmp_path / "raw", link) == packed(tmp_path / "raw", pictures)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "not found"),
        (lambda path: path.write_bytes(b""), "is no folder"),
        (lambda path: path.mkdir(), r"no images \(\.bmp.*\.webp\)$"),
        (lambda path: (path.mkdir(), (path / "a.txt").touch()), "left out: other files: 1"),
    ],
)
def test_nothing_to_take(tmp_path: Path, make, message: str) -> None:
    place = tmp_path / "place"
    make(place)
    with pytest.raises(InputError, match=rf"data\.folder\.path: .*place: .*{message}"):
        folder.pack(tmp_path, folder=place, background=WHITE)
    assert not (tmp_path / "images.tar").exists()
