"""One photo's crops: where its boxes lie, and what is said of those that give none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import params
from pipeline.config.schema import Crop
from pipeline.data.archives.reader import open_archive
from pipeline.data.cropping import crops, photos
from pipeline.data.cropping.boxes import Box
from pipeline.data.cropping.photos import Photo
from pipeline.images.decode import EncodedImage
from tests import factories
from tests.data.raw import voc, write
from tests.factories import ORIENTATIONS, encode, exif, png, stored


@pytest.fixture
def rules(repository: Path) -> Crop:
    """Everything goes, so that a test can forbid one thing."""
    section = params.load(repository / "params.yaml").crop
    return section.model_copy(
        update={
            "side_px": 32,
            "mode": "stretch",
            "margin": 0.0,
            "min_side_px": 1,
            "aspect_min": 0.001,
            "aspect_max": 1000.0,
            "whole_photos": True,
        }
    )


def photo(*boxes: Box | None, size: tuple[int, int] | None = None) -> Photo:
    return Photo("a.png", "pug", "a", size, boxes)


def reason(box: Box, rules: Crop, **changes: object) -> str:
    changed = rules.model_copy(update=changes)
    done = crops.crop_photo(png(factories.photo()), photo(box), changed)
    assert len(done.reasons) == 1 and len(done.crops) == (not done.reasons[0])
    return done.reasons[0]


def test_each_box_gives_pillows_crop_in_order(rules: Crop) -> None:
    boxes = (Box(10, 20, 50, 70), Box(0, 0, 100, 80), Box(60, 5, 99, 30))
    done = crops.crop_photo(png(factories.photo()), photo(*boxes), rules)
    whole = Image.fromarray(factories.photo())
    truth = [
        np.asarray(whole.crop(tuple(map(int, box))).resize((32, 32), Image.Resampling.BICUBIC))
        for box in boxes
    ]
    np.testing.assert_array_equal(done.crops, np.stack(truth))
    assert done.reasons == ("", "", "")


def test_a_box_is_clipped_to_its_photo(rules: Crop) -> None:
    data = png(factories.photo())
    out = crops.crop_photo(data, photo(Box(-20, 30, 140, 500)), rules)
    clipped = crops.crop_photo(data, photo(Box(0, 30, 100, 80)), rules)
    np.testing.assert_array_equal(out.crops, clipped.crops)


def test_a_photo_without_a_box_is_used_whole_where_asked(rules: Crop) -> None:
    done = crops.crop_photo(png(factories.photo()), photo(), rules)
    whole = Image.fromarray(factories.photo()).resize((32, 32), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(done.crops, np.asarray(whole)[None])
    without = rules.model_copy(update={"whole_photos": False})
    done = crops.crop_photo(png(factories.photo()), photo(), without)
    assert done.reasons == ("no box",) and done.crops.shape == (0, 32, 32, 3)
    done = crops.crop_photo(png(factories.photo()), Photo("a.png", "pug"), without)
    assert done.reasons == ("no annotation",)


@pytest.mark.parametrize(
    ("box", "truth"),
    [
        (Box(50, 20, 50, 60), "empty box"),
        (Box(60, 20, 50, 60), "empty box"),
        (Box(100, 20, 140, 60), "box outside its photo"),
        (Box(20, -60, 40, 0), "box outside its photo"),
    ],
)
def test_faulty_boxes(box: Box, truth: str, rules: Crop) -> None:
    assert reason(box, rules) == truth


def test_limits_hold_for_the_box_in_its_photo_and_include_their_ends(rules: Crop) -> None:
    assert reason(Box(10, 10, 34, 60), rules, min_side_px=24) == ""
    assert reason(Box(10, 10, 33, 60), rules, min_side_px=24) == "box too small"
    assert reason(Box(10, 10, 60, 33), rules, min_side_px=24) == "box too small"
    assert reason(Box(-10, 10, 20, 60), rules, min_side_px=24) == "box too small", "clipped first"
    # Width over height: a flat box has a large aspect.
    assert reason(Box(0, 0, 80, 20), rules, aspect_max=4.0) == ""
    assert reason(Box(0, 0, 81, 20), rules, aspect_max=4.0) == "aspect out of range"
    assert reason(Box(0, 0, 20, 80), rules, aspect_max=4.0) == ""
    assert reason(Box(0, 0, 16, 80), rules, aspect_min=0.2) == ""
    assert reason(Box(0, 0, 15, 80), rules, aspect_min=0.2) == "aspect out of range"
    assert reason(Box(0, 0, 80, 15), rules, aspect_min=0.2) == ""


def test_one_faulty_box_leaves_the_others(rules: Crop) -> None:
    boxes = (Box(1, 1, 50, 50), None, Box(9, 9, 9, 9), Box(20, 20, 70, 70))
    done = crops.crop_photo(png(factories.photo()), photo(*boxes), rules)
    assert done.reasons == ("", "broken box", "empty box", "")
    last = crops.crop_photo(png(factories.photo()), photo(boxes[3]), rules)
    np.testing.assert_array_equal(done.crops[1:], last.crops)


# --- boxes in shares of the photo -----------------------------------------------------------------


@pytest.mark.parametrize("size", [None, (100, 80), (200, 160)])
def test_boxes_in_shares_are_those_in_pixels(size: tuple[int, int] | None, rules: Crop) -> None:
    data = png(factories.photo())
    shares = photo(Box(0.1, 0.25, 0.5, 0.75), Box(0, 0, 1, 1), size=size)
    truth = photo(Box(10, 20, 50, 60), Box(0, 0, 100, 80))
    found = crops.crop_photo(data, shares, rules)
    np.testing.assert_array_equal(found.crops, crops.crop_photo(data, truth, rules).crops)
    assert found.reasons == ("", "")


def test_shares_lie_on_the_stored_photo_where_the_annotated_size_is_the_stored_one() -> None:
    data = encode(stored(factories.photo(), 6), "PNG", exif=exif(6))
    pixels = placed(Box(8, 20, 40, 70), (80, 100), data)
    assert placed(Box(0.1, 0.2, 0.5, 0.7), (80, 100), data) == pytest.approx(pixels)


def test_a_share_beside_boxes_in_pixels_is_a_fault(rules: Crop) -> None:
    boxes = (Box(10, 20, 50, 60), Box(0.1, 0.25, 0.5, 0.75), None, Box(0, 0, 1, 0))
    done = crops.crop_photo(png(factories.photo()), photo(*boxes), rules)
    share = "box in shares of the photo, others in pixels"
    assert done.reasons == ("", share, "broken box", "empty box")
    assert share not in crops.BY_CHOICE


# --- the annotated size ------------------------------------------------------------------------


def placed(box: Box, annotated: tuple[int, int], data: bytes) -> Box | str:
    (found,) = crops.placed(photo(box, size=annotated), EncodedImage(data))
    return found


def test_a_box_on_a_photo_of_another_scale_is_scaled() -> None:
    data = png(factories.photo())
    assert placed(Box(20, 40, 200, 160), (200, 160), data) == Box(10, 20, 100, 80)
    assert placed(Box(5, 4, 25, 20), (50, 40), data) == Box(10, 8, 50, 40)
    # 333x500 shrunk to 107x160: rounded, still the same shape.
    found = placed(Box(0, 0, 333, 500), (333, 500), png(factories.photo(107, 160)))
    assert found == pytest.approx((0, 0, 107, 160))


@pytest.mark.parametrize("annotated", [(80, 100), (100, 100), (500, 375), (10, 1000)])
def test_a_box_on_a_photo_of_another_shape_is_a_fault(annotated: tuple[int, int]) -> None:
    assert placed(Box(1, 1, 9, 9), annotated, png(factories.photo())) == (
        "annotated size is another shape"
    )


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_box_drawn_on_the_stored_picture_turns_with_it(orientation: int, rules: Crop) -> None:
    """A red dog on the upright photo; its box found on the stored pixels, as a tool that ignores
    EXIF shows them."""
    upright = np.zeros((80, 100, 3), np.uint8)
    upright[10:30, 55:95, 0] = 200
    turned = stored(upright, orientation)
    ys, xs = np.nonzero(turned[:, :, 0])
    on_stored = Box(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    data = encode(turned, "PNG", exif=exif(orientation))
    on_upright = Box(55, 10, 95, 30)

    stored_size = (turned.shape[1], turned.shape[0])
    if orientation >= 5:  # a half turn's size is the same: the box is taken on the upright photo
        assert placed(on_stored, stored_size, data) == on_upright
        double = Box(*(2 * edge for edge in on_stored))
        assert placed(double, (2 * stored_size[0], 2 * stored_size[1]), data) == on_upright
    assert placed(on_upright, (100, 80), data) == on_upright
    without_size = crops.crop_photo(data, photo(on_upright), rules)
    np.testing.assert_array_equal(without_size.crops[0, :, :, 0], 200)


# --- many photos -------------------------------------------------------------------------------


def test_reduced_decoding_changes_a_crop_by_its_rounding_only(rules: Crop) -> None:
    """Photos have their weight in low frequencies, as has this one: what is left is the rounding of
    the reduced picture, at most two levels. In the outermost rows, where a reduced pixel lies half
    in the box, it is up to six."""
    y, x = np.mgrid[0:600, 0:800]
    waves = np.stack([np.sin(x / 60), np.sin(y / 45), np.sin((x + 2 * y) / 90)], axis=-1)
    data = encode((127 + 120 * waves).astype(np.uint8), "JPEG", quality=90)
    for mode in ("square", "stretch", "pad"):
        changed = rules.model_copy(update={"mode": mode, "margin": 0.03})
        done = crops.crop_photo(data, photo(Box(101, 53, 640, 577)), changed)
        decoded = png(np.asarray(EncodedImage(data).decode()[0]))  # a PNG is never reduced
        truth = crops.crop_photo(decoded, photo(Box(101, 53, 640, 577)), changed)
        difference = np.abs(done.crops.astype(int) - truth.crops)
        assert 0 < difference.max() <= 6 and difference.mean() < 0.5
        assert difference[:, 2:-2, 2:-2].max() <= 2


def test_an_unreadable_photo_gives_its_reason_for_each_box(tmp_path: Path, rules: Crop) -> None:
    whole = png(factories.photo())
    raw = write(
        tmp_path,
        [("a.png", whole[:-60]), ("b.png", b"hello"), ("c.png", whole), ("d.png", b"")],
        [("a", voc((0, 0, 9, 9), (0, 0, 5, 5))), ("c", b"<annotation>")],
    )
    done = cropped(raw, rules, threads=1)
    assert [photo.file for photo, _ in done] == ["a.png", "b.png", "c.png", "d.png"]
    assert [each.reasons for _, each in done] == [
        ("unreadable photo: truncated",) * 2,
        ("unreadable photo: not an image",),
        ("broken annotation",),
        ("unreadable photo: not an image",),
    ]
    assert all(each.crops.shape == (0, 32, 32, 3) for _, each in done)


def cropped(raw: Path, rules: Crop, *, threads: int) -> list[tuple[Photo, crops.Cropped]]:
    with open_archive(raw, "images") as pictures, open_archive(raw, "annotation") as notes:
        matches = photos.join(pictures, notes).matches
        return list(crops.crop_photos(pictures, notes, matches, rules, threads=threads))


def test_the_number_of_threads_changes_nothing(tmp_path: Path, rules: Crop) -> None:
    members = [
        (f"{n:03}.jpg", encode(factories.photo(300 + n, 200, seed=n), "JPEG", quality=90))
        for n in range(100)
    ]
    members[40] = ("040.jpg", b"hello")
    notes = [
        (f"{n:03}", voc((0, 0, 290, 190), (n, n, n + 50, n + 60), size=None)) for n in range(100)
    ]
    raw = write(tmp_path, members, notes)
    one, three = (cropped(raw, rules, threads=count) for count in (1, 3))
    assert len(one) == len(three) == 100
    for (photo, left), (same, right) in zip(one, three, strict=True):
        assert photo == same
        assert left.reasons == right.reasons
        np.testing.assert_array_equal(left.crops, right.crops)
