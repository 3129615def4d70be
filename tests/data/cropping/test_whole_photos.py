"""Whole photos, squashed as the score takes them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.data.cropping import whole_photos
from tests.data.raw import write
from tests.factories import photo, png

PHOTO = png(photo())


def test_squashed_photos_are_pillows_in_the_order_of_their_names(tmp_path: Path) -> None:
    pictures = [photo(100 + 7 * number, 80, seed=number) for number in range(70)]
    raw = write(
        tmp_path,
        [(f"Images/pug/{number:02}.png", png(each)) for number, each in enumerate(pictures)],
    )
    truth = [
        np.asarray(Image.fromarray(each).resize((16, 16), Image.Resampling.BILINEAR))
        for each in pictures
    ]
    for threads in (1, 3):
        found, files = whole_photos.squashed_photos(raw, side_px=16, threads=threads)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.stack(truth))
        assert files == [f"Images/pug/{number:02}.png" for number in range(70)]


def test_squashed_photos_leave_out_what_is_unreadable_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [
        ("a.png", PHOTO),
        ("b.png", PHOTO[:-60]),
        ("c.txt", b"hello"),
        ("d.png", PHOTO),
    ]
    found, files = whole_photos.squashed_photos(write(tmp_path, members), side_px=16, threads=1)
    assert files == ["a.png", "d.png"] and len(found) == 2
    assert "left out 2 of 4 photos: 1 not an image, 1 truncated" in capsys.readouterr().out
    with pytest.raises(InputError, match="none of its 1 files is a readable image"):
        whole_photos.squashed_photos(write(tmp_path, members[2:3]), threads=1)
