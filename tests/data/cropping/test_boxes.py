"""The part of a picture that becomes a crop, against closed forms; the crop, against Pillow."""

import random

import numpy as np
import pytest
from PIL import Image

from pipeline.data.cropping import boxes
from pipeline.data.cropping.boxes import Box
from tests.factories import photo


def test_reduced_decoding_leaves_a_region_no_smaller_than_its_crop() -> None:
    def of(*parts: Box, mode: boxes.Mode = "stretch") -> int:
        return boxes.shrink_for(parts, mode=mode, side_px=64)

    assert of(Box(0, 0, 127, 127)) == 1
    assert of(Box(0, 0, 128, 128)) == 2
    assert of(Box(5, 5, 5 + 255, 5 + 2000)) == 2
    assert of(Box(0, 0, 256, 256)) == 4
    assert of(Box(0, 0, 9999, 9999)) == 8
    assert of(Box(0, 0, 9999, 9999), Box(0, 0, 200, 200)) == 2, "the smallest box decides"
    assert of(Box(0, 0, 10, 10)) == 1
    # 256x64 padded is 64x16: both axes shrink by 4.
    assert of(Box(0, 0, 256, 64), mode="pad") == 4


def random_boxes(count: int) -> list[tuple[Box, tuple[int, int]]]:
    rng = random.Random(7)
    found = []
    while len(found) < count:
        width, height = rng.randint(1, 300), rng.randint(1, 300)
        x = sorted(rng.uniform(0, width) for _ in "12")
        y = sorted(rng.uniform(0, height) for _ in "12")
        if x[0] < x[1] and y[0] < y[1]:
            found.append((Box(x[0], y[0], x[1], y[1]), (width, height)))
    return found


def test_clip() -> None:
    assert boxes.clip(Box(-5, 2, 700, 40), (600, 30)) == Box(0, 2, 600, 30)
    assert boxes.clip(Box(700, 2, 800, 40), (600, 30)).width == 0


@pytest.mark.parametrize(
    ("box", "margin", "truth"),
    [
        (Box(40, 20, 60, 40), 0, Box(40, 20, 60, 40)),  # a square stays
        (Box(40, 20, 80, 40), 0, Box(40, 10, 80, 50)),  # a flat one grows up and down
        (Box(40, 20, 50, 60), 0, Box(25, 20, 65, 60)),  # a tall one grows left and right
        (Box(40, 40, 60, 60), 0.5, Box(30, 30, 70, 70)),  # half the longer side on each end
        (Box(0, 20, 10, 60), 0, Box(0, 20, 40, 60)),  # moved in from the left
        (Box(190, 60, 200, 90), 0, Box(170, 60, 200, 90)),  # from the right
        (Box(40, 0, 80, 10), 0, Box(40, 0, 80, 40)),  # from the top
        (Box(40, 95, 80, 100), 0, Box(40, 60, 80, 100)),  # from the bottom
        (Box(0, 40, 200, 60), 0, Box(50, 0, 150, 100)),  # no room: the shorter side, centred
        (Box(0, 40, 120, 60), 0, Box(10, 0, 110, 100)),
        (Box(20, 20, 80, 80), 1, Box(0, 0, 100, 100)),
    ],
)
def test_square_region_by_hand(box: Box, margin: float, truth: Box) -> None:
    assert boxes.region(box, (200, 100), mode="square", margin=margin) == truth


def test_square_region_everywhere() -> None:
    for box, size in random_boxes(500):
        part = boxes.region(box, size, mode="square", margin=0.1)
        assert part.width == part.height >= 1
        assert all(edge == int(edge) for edge in part)
        assert boxes.clip(part, size) == part
        longer = max(box.width, box.height) * 1.2
        assert abs(part.width - max(1, min(longer, *size))) <= 0.5
        if longer < min(size):  # then all of the box is in it, but for the rounding
            assert part.xmin < box.xmin + 1 and box.xmax - 1 < part.xmax
            assert part.ymin < box.ymin + 1 and box.ymax - 1 < part.ymax


@pytest.mark.parametrize("mode", ["stretch", "pad"])
def test_box_region_everywhere(mode: boxes.Mode) -> None:
    for box, size in random_boxes(500):
        part = boxes.region(box, size, mode=mode, margin=0)
        assert boxes.clip(part, size) == part
        assert part.xmin <= box.xmin < part.xmin + 1 and part.ymin <= box.ymin < part.ymin + 1
        assert part.xmax - 1 < box.xmax <= part.xmax and part.ymax - 1 < box.ymax <= part.ymax
    wide = boxes.region(Box(40, 20, 80, 40), (100, 45), mode=mode, margin=0.25)
    assert wide == Box(30, 10, 90, 45)


def test_a_crop_at_full_size_is_pillows_own() -> None:
    image = Image.fromarray(photo(200, 150))
    part = Box(13, 7, 120, 149)
    plain = image.crop((13, 7, 120, 149)).resize((64, 64), Image.Resampling.BICUBIC)
    for mode in ("square", "stretch"):
        found = boxes.cut(image, part, mode=mode, side_px=64)
        np.testing.assert_array_equal(found, np.asarray(plain))


def test_a_crop_at_reduced_size_lies_where_the_full_one_does() -> None:
    """On a ramp a shift by one pixel is one level. The reduced picture is rounded once more, which
    moves the mean by half a level at most."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    full = Image.fromarray(np.stack([ramp, ramp.T, ramp], axis=-1))
    part = Box(13, 7, 13 + 150, 7 + 131)
    truth = boxes.cut(full, part, mode="stretch", side_px=32).astype(float)
    half = boxes.cut(full.reduce(2), part, mode="stretch", side_px=32, shrink=2).astype(float)
    inside = (slice(1, -1), slice(1, -1))  # at the rim the filter has other neighbours
    assert abs((half - truth)[inside].mean()) <= 0.5
    assert np.abs(half - truth)[inside].max() <= 2
    shifted = boxes.cut(full, Box(15, 7, 165, 138), mode="stretch", side_px=32)
    assert (shifted - truth)[inside][..., 0].mean() > 1.5, "a shift by a reduced pixel would show"


def test_pad_keeps_the_proportions_between_black_bars() -> None:
    image = Image.new("RGB", (100, 100), (200, 100, 50))
    found = boxes.cut(image, Box(10, 10, 90, 50), mode="pad", side_px=64)
    assert found.shape == (64, 64, 3)
    np.testing.assert_array_equal(found[:16], 0)
    np.testing.assert_array_equal(found[48:], 0)
    np.testing.assert_array_equal(found[16:48], np.full((32, 64, 3), (200, 100, 50)))
    thin = boxes.cut(image, Box(50, 0, 51, 100), mode="pad", side_px=32)
    assert (thin.sum(axis=2) > 0).sum() == 32, "a line stays a line, one pixel wide"
