"""Joining photos with annotations, in each layout."""

import os
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.data.cropping import photos
from pipeline.data.cropping.boxes import Box
from tests.data.raw import read_photos, voc, write
from tests.factories import photo, png

PICTURE = png(photo())
CHIHUAHUA, HOUND = "n02085620-Chihuahua", "n02088094-Afghan_hound"


def test_stanfords_layout(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [
            (f"Images/{HOUND}/n02088094_1.jpg", PICTURE),
            (f"Images/{CHIHUAHUA}/n02085620_9.jpg", PICTURE),
        ],
        [
            (f"Annotation/{CHIHUAHUA}/n02085620_9", voc((1, 2, 30, 40), (5, 6, 50, 60))),
            (f"Annotation/{CHIHUAHUA}/n02085620_8", voc((3, 4, 30, 40))),
            (f"Annotation/{HOUND}/n02088094_1", voc((7, 8, 30, 40), size=None)),
        ],
    )
    listed, left_over = read_photos(raw)
    assert listed == [
        photos.Photo(
            file=f"Images/{CHIHUAHUA}/n02085620_9.jpg",
            class_name="Chihuahua",
            annotation=f"Annotation/{CHIHUAHUA}/n02085620_9",
            size=(100, 80),
            boxes=(Box(1, 2, 30, 40), Box(5, 6, 50, 60)),
        ),
        photos.Photo(
            file=f"Images/{HOUND}/n02088094_1.jpg",
            class_name="Afghan_hound",
            annotation=f"Annotation/{HOUND}/n02088094_1",
            boxes=(Box(7, 8, 30, 40),),
        ),
    ]
    assert left_over == [
        photos.Photo(
            file=f"Annotation/{CHIHUAHUA}/n02085620_8",
            class_name="Chihuahua",
            annotation=f"Annotation/{CHIHUAHUA}/n02085620_8",
            size=(100, 80),
            boxes=(Box(3, 4, 30, 40),),
            problem="no photo",
        )
    ]


@pytest.mark.parametrize("nested", ["", "Annotation/"])
def test_kaggles_flat_layout_takes_the_class_from_the_annotation(
    tmp_path: Path, nested: str
) -> None:
    raw = write(
        tmp_path,
        [("all-dogs/n02085620_9.jpg", PICTURE), ("all-dogs/n02085620_7.jpg", PICTURE)],
        [(f"Annotation/{nested}{CHIHUAHUA}/n02085620_9", voc((1, 2, 30, 40)))],
    )
    seven, nine = read_photos(raw)[0]
    assert (nine.class_name, nine.boxes) == ("Chihuahua", (Box(1, 2, 30, 40),))
    assert (seven.class_name, seven.boxes, seven.problem) == ("", (), "")


def test_a_folder_of_classes_without_annotations(tmp_path: Path) -> None:
    raw = write(tmp_path, [("Images/poodle/a.b.png", PICTURE), ("Images/pug/a.png", PICTURE)])
    listed, left_over = read_photos(raw)
    assert [(photo.file, photo.class_name, photo.boxes) for photo in listed] == [
        ("Images/poodle/a.b.png", "poodle", ()),
        ("Images/pug/a.png", "pug", ()),
    ]
    assert left_over == []


def test_one_name_in_two_classes_is_two_photos(tmp_path: Path) -> None:
    """Matching by the name alone would give both the same boxes, or one the other's."""
    raw = write(
        tmp_path,
        [("Images/poodle/1.png", PICTURE), ("Images/pug/1.png", PICTURE)],
        [("Annotation/poodle/1.xml", voc((1, 1, 9, 9))), ("Annotation/pug/1", voc((2, 2, 9, 9)))],
    )
    assert [photo.boxes for photo in read_photos(raw)[0]] == [
        (Box(1, 1, 9, 9),),
        (Box(2, 2, 9, 9),),
    ]


def test_a_class_with_annotations_lends_none_to_another(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("Images/poodle/1.png", PICTURE), ("Images/pug/1.png", PICTURE)],
        [("Annotation/poodle/1", voc((1, 1, 9, 9))), ("Annotation/pug/2", voc((2, 2, 9, 9)))],
    )
    listed, left_over = read_photos(raw)
    assert [photo.boxes for photo in listed] == [(Box(1, 1, 9, 9),), ()]
    assert [note.file for note in left_over] == ["Annotation/pug/2"]


def test_a_flat_photo_takes_no_ambiguous_annotation(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("all-dogs/1.png", PICTURE)],
        [("Annotation/poodle/1", voc((1, 1, 9, 9))), ("Annotation/pug/1", voc((2, 2, 9, 9)))],
    )
    listed, left_over = read_photos(raw)
    assert listed[0].boxes == ()
    assert [note.problem for note in left_over] == ["no photo", "no photo"]


def matches(
    tmp_path: Path, images: list[str], notes: list[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Photo -> its annotation; left-over annotation -> why."""
    raw = write(
        tmp_path,
        [(name, PICTURE) for name in images],
        [(name, voc((1, 1, 9, 9))) for name in notes],
    )
    listed, left_over = read_photos(raw)
    return (
        {photo.file: photo.annotation for photo in listed},
        {note.file: note.problem for note in left_over},
    )


def test_a_dot_in_a_name_does_not_end_it(tmp_path: Path) -> None:
    found, left_over = matches(
        tmp_path, ["Images/d/max.jpg", "Images/d/max.1.jpg"], ["Annotation/d/max.1"]
    )
    assert found == {"Images/d/max.jpg": "", "Images/d/max.1.jpg": "Annotation/d/max.1"}
    assert left_over == {}


def test_the_full_name_goes_before_the_stem(tmp_path: Path) -> None:
    found, left_over = matches(
        tmp_path,
        ["Images/d/1.jpg", "Images/d/1.png", "Images/d/2.jpg"],
        ["Annotation/d/1.png.xml", "Annotation/d/1.xml", "Annotation/d/2.jpg.XML"],
    )
    assert found == {
        "Images/d/1.jpg": "Annotation/d/1.xml",
        "Images/d/1.png": "Annotation/d/1.png.xml",
        "Images/d/2.jpg": "Annotation/d/2.jpg.XML",
    }
    assert left_over == {}


def test_an_accent_in_one_character_meets_it_in_two(tmp_path: Path) -> None:
    found, _ = matches(
        tmp_path,
        ["Images/Lo\u0308wchen/e\u0301.jpg"],
        ["Annotation/L\u00f6wchen/\u00e9.xml"],
    )
    assert found == {"Images/Lo\u0308wchen/e\u0301.jpg": "Annotation/L\u00f6wchen/\u00e9.xml"}


def test_the_whole_path_goes_before_the_last_folder(tmp_path: Path) -> None:
    found, left_over = matches(
        tmp_path,
        ["Images/test/pug/1.jpg", "Images/train/pug/1.jpg"],
        ["Annotation/test/pug/1", "Annotation/train/pug/1"],
    )
    assert found == {
        "Images/test/pug/1.jpg": "Annotation/test/pug/1",
        "Images/train/pug/1.jpg": "Annotation/train/pug/1",
    }
    assert left_over == {}


def test_a_copy_in_a_deeper_folder_takes_no_annotation_away(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("all-dogs/1.jpg", PICTURE), ("all-dogs/copy/1.jpg", PICTURE)],
        [("Annotation/pug/1", voc((1, 1, 9, 9)))],
    )
    assert [(photo.file, photo.problem) for photo in read_photos(raw)[0]] == [
        ("all-dogs/1.jpg", ""),
        ("all-dogs/copy/1.jpg", "second photo of an annotation"),
    ]


def test_seconds_are_listed_and_left(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("Images/pug/1.jpg", PICTURE), ("Images/pug/1.png", PICTURE)],
        [("Annotation/pug/1", voc((1, 1, 9, 9))), ("Annotation/pug/1.xml", voc((2, 2, 9, 9)))],
    )
    listed, left_over = read_photos(raw)
    assert [(photo.boxes, photo.problem) for photo in listed] == [
        ((Box(1, 1, 9, 9),), ""),
        ((), "second photo of an annotation"),
    ]
    assert [(note.file, note.boxes, note.problem) for note in left_over] == [
        ("Annotation/pug/1.xml", (Box(2, 2, 9, 9),), "second annotation of a photo")
    ]


def test_a_broken_annotation_is_its_photos_problem(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("Images/pug/1.png", PICTURE)],
        [("Annotation/pug/1", b"<annotation>"), ("Annotation/pug/2", b"<annotation>")],
    )
    listed, left_over = read_photos(raw)
    assert listed[0].problem == "broken annotation"
    assert left_over[0].problem == "no photo"


def test_an_archive_without_photos(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"images\.tar: holds no file"):
        read_photos(write(tmp_path, []))
    (tmp_path / "annotation.tar").unlink()
    with pytest.raises(InputError, match=r"no annotation\.tar or annotation\.zip"):
        read_photos(tmp_path)


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("Images/n02085620-Chihuahua/n02085620_9.jpg", "Chihuahua"),
        ("Annotation/n02085936-Maltese_dog/n02085936_1", "Maltese_dog"),
        ("Annotation/Annotation/n02086240-Shih-Tzu/n02086240_1", "Shih-Tzu"),
        ("Images/poodle/1.png", "poodle"),
        ("all-dogs/1.jpg", ""),
        ("all-dogs/all-dogs/1.jpg", ""),
        ("1.jpg", ""),
    ],
)
def test_class_of(name: str, class_name: str) -> None:
    assert photos.class_of(name) == class_name


@pytest.mark.realdata
def test_all_of_stanford_dogs_is_accounted_for() -> None:
    folder = os.environ.get("DOGS_PHOTOS")
    if not folder:
        pytest.skip("set DOGS_PHOTOS to a folder with Stanford Dogs' images.tar and annotation.tar")
    listed, left_over = read_photos(Path(folder))
    assert len(listed) == 20_221
    assert len({photo.class_name for photo in listed}) == 120
    assert len(left_over) == 359
    assert len({each.annotation for each in listed + left_over}) == 20_580
    assert sum(len(photo.boxes) for photo in listed) == 21_757
    assert sum(len(each.boxes) for each in listed + left_over) == 22_126
    assert {each.problem for each in left_over} == {"no photo"}
    assert {photo.problem for photo in listed} == {""}
