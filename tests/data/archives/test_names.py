"""The one rule for names, in archives and folders alike."""

import pytest

from pipeline.data.archives import names

PLAIN = [
    "a.jpg",
    "./Images//pug/a.jpg",
    "pug/a b,c'é.jpg",
    "pug/a..jpg",
    "pug.d/a.jpg",
    "thumbs.db.jpg",
    "犬/柴.jpg",
]
UNSAFE = [
    "",
    "/",
    "/etc/passwd",
    "C:/a.jpg",
    "../a.jpg",
    "a/../b.jpg",
    "a\\b.jpg",
    "a\nb.jpg",
    "a\x00b.jpg",
    b"caf\xe9.jpg".decode("utf-8", "surrogateescape"),
]
HIDDEN = [
    ".a.jpg",
    "pug/._a.jpg",
    "pug/.DS_Store",
    "pug/.ipynb_checkpoints/a-checkpoint.jpg",
    "__MACOSX/pug/a.jpg",
    "train/__MACOSX/a.jpg",
    "pug/Thumbs.db",
    "THUMBS.DB",
    "pug/desktop.ini",
    "$RECYCLE.BIN/a.jpg",
    "pug/@eaDir/a.jpg",
]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_taken(name: str) -> None:
    assert names.fault(name) is None


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_could_lead_elsewhere_or_cannot_be_written(name: str) -> None:
    assert names.fault(name) == "unsafe name"


@pytest.mark.parametrize("name", HIDDEN)
def test_names_that_systems_leave_at_any_depth(name: str) -> None:
    assert names.fault(name) == "hidden file"


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("pizzas", "pizzas"),
        (".pics", "pics"),
        ("a\\b", "a_b"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf_"),
        ("__MACOSX", "images"),
        ("..", "images"),
        ("", "images"),
    ],
)
def test_a_folder_that_the_user_names_is_a_class_whatever_its_name(folder: str, label: str) -> None:
    assert names.as_class(folder) == label
    assert names.fault(f"Images/{label}/a.jpg") is None


def test_an_accent_is_the_same_in_one_character_and_in_two() -> None:
    assert names.same_text("Lo\u0308wchen") == names.same_text("L\u00f6wchen") == "L\u00f6wchen"
