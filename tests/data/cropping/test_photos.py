"""Joining photos with annotations, in each layout, and the whole photos for the score."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.data.cropping import photos
from pipeline.data.cropping.boxes import Box
from tests.data.raw import joined, png, ramp, voc, write

PICTURE = png(ramp())
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
    listed, left_over = joined(raw)
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
    seven, nine = joined(raw)[0]
    assert (nine.class_name, nine.boxes) == ("Chihuahua", (Box(1, 2, 30, 40),))
    assert (seven.class_name, seven.boxes, seven.problem) == ("", (), "")


def test_a_folder_of_classes_without_annotations(tmp_path: Path) -> None:
    raw = write(tmp_path, [("Images/poodle/a.b.png", PICTURE), ("Images/pug/a.png", PICTURE)])
    listed, left_over = joined(raw)
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
    assert [photo.boxes for photo in joined(raw)[0]] == [
        (Box(1, 1, 9, 9),),
        (Box(2, 2, 9, 9),),
    ]


def test_a_class_with_annotations_lends_none_to_another(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("Images/poodle/1.png", PICTURE), ("Images/pug/1.png", PICTURE)],
        [("Annotation/poodle/1", voc((1, 1, 9, 9))), ("Annotation/pug/2", voc((2, 2, 9, 9)))],
    )
    listed, left_over = joined(raw)
    assert [photo.boxes for photo in listed] == [(Box(1, 1, 9, 9),), ()]
    assert [note.file for note in left_over] == ["Annotation/pug/2"]


def test_a_flat_photo_takes_no_ambiguous_annotation(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("all-dogs/1.png", PICTURE)],
        [("Annotation/poodle/1", voc((1, 1, 9, 9))), ("Annotation/pug/1", voc((2, 2, 9, 9)))],
    )
    listed, left_over = joined(raw)
    assert listed[0].boxes == ()
    assert [note.problem for note in left_over] == ["no photo", "no photo"]


def test_seconds_are_listed_and_left(tmp_path: Path) -> None:
    raw = write(
        tmp_path,
        [("Images/pug/1.jpg", PICTURE), ("Images/pug/1.png", PICTURE)],
        [("Annotation/pug/1", voc((1, 1, 9, 9))), ("Annotation/pug/1.xml", voc((2, 2, 9, 9)))],
    )
    listed, left_over = joined(raw)
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
    listed, left_over = joined(raw)
    assert listed[0].problem == "broken annotation"
    assert left_over[0].problem == "no photo"


def test_an_archive_without_photos(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"images\.tar: holds no file"):
        joined(write(tmp_path, []))
    (tmp_path / "annotation.tar").unlink()
    with pytest.raises(InputError, match=r"no annotation\.tar or annotation\.zip"):
        joined(tmp_path)


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


# --- whole photos ------------------------------------------------------------------------------


def test_squashed_photos_are_pillows_in_the_order_of_their_names(tmp_path: Path) -> None:
    pictures = [ramp(100 + 7 * number, 80, seed=number) for number in range(70)]
    raw = write(
        tmp_path,
        [(f"Images/pug/{number:02}.png", png(each)) for number, each in enumerate(pictures)],
    )
    truth = [
        np.asarray(Image.fromarray(each).resize((16, 16), Image.Resampling.BILINEAR))
        for each in pictures
    ]
    for threads in (1, 3):
        found, files = photos.squashed_photos(raw, side_px=16, threads=threads)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.stack(truth))
        assert files == [f"Images/pug/{number:02}.png" for number in range(70)]


def test_squashed_photos_leave_out_what_is_unreadable_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [
        ("a.png", PICTURE),
        ("b.png", PICTURE[:-60]),
        ("c.txt", b"hello"),
        ("d.png", PICTURE),
    ]
    found, files = photos.squashed_photos(write(tmp_path, members), side_px=16, threads=1)
    assert files == ["a.png", "d.png"] and len(found) == 2
    assert "left out 2 of 4 photos: 1 not a picture, 1 truncated" in capsys.readouterr().out
    with pytest.raises(InputError, match="none of its 1 files is a readable picture"):
        photos.squashed_photos(write(tmp_path, members[2:3]), threads=1)


@pytest.mark.realdata
def test_all_of_stanford_dogs_is_accounted_for() -> None:
    folder = os.environ.get("DOGS_PHOTOS")
    if not folder:
        pytest.skip("set DOGS_PHOTOS to a folder with Stanford Dogs' images.tar and annotation.tar")
    listed, left_over = joined(Path(folder))
    assert len(listed) == 20_221
    assert len({photo.class_name for photo in listed}) == 120
    assert len(left_over) == 359
    assert len({each.annotation for each in listed + left_over}) == 20_580
    assert sum(len(photo.boxes) for photo in listed) == 21_757
    assert sum(len(each.boxes) for each in listed + left_over) == 22_126
    assert {each.problem for each in left_over} == {"no photo"}
    assert {photo.problem for photo in listed} == {""}
