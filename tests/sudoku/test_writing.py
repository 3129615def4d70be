"""Texts in generated digits."""

import io

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.sudoku import writing
from tests.sudoku import synthetic


def test_a_date_is_its_digits_and_marks_in_order() -> None:
    made = synthetic.pool()
    image, chosen = writing.draw("2026-11-26", made, seed=1, scale=1)
    assert image.dtype == np.uint8
    assert image.shape == (38 + 8, 8 * 38 + 2 * 19 + 8, 1)
    assert [picture.digit for picture in chosen] == [2, 0, 2, 6, 1, 1, 2, 6]
    assert len({picture.png for picture in chosen}) == 8, "each another sample"
    # At scale 1 a digit is its sample with a margin of 3 px, softened, behind a smooth step.
    sample = np.asarray(Image.open(io.BytesIO(chosen[0].png)), float) / 255
    kernel = np.outer([1, 6, 1], [1, 6, 1]) / 64
    soft = scipy.ndimage.convolve(np.pad(sample, 3), kernel, mode="constant")
    step = np.clip((soft - 0.34) / 0.36, 0, 1)
    wanted = 255 - 215 * (3 * step**2 - 2 * step**3)
    np.testing.assert_allclose(image[4:42, 4:42, 0], wanted, atol=0.6)


def test_the_same_seed_gives_the_same_picture() -> None:
    made = synthetic.pool()
    first, _ = writing.draw("10/12", made, seed=1, scale=2)
    again, _ = writing.draw("10/12", made, seed=1, scale=2)
    other, _ = writing.draw("10/12", made, seed=2, scale=2)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("mark", "rows", "columns"),
    [("-", (0.45, 0.55), (0.08, 0.42)), (".", (0.78, 0.94), (0.17, 0.33)),
     ("/", (0.08, 0.92), (0.02, 0.48))],
)  # fmt: skip
def test_marks_are_where_they_belong(
    mark: str, rows: tuple[float, float], columns: tuple[float, float]
) -> None:
    """Places are shares of a digit's side; a mark is half as wide as a digit."""
    image, _ = writing.draw(f"1{mark}", synthetic.pool(), seed=1, scale=8)
    side, margin = 38 * 8, 4 * 8
    part = image[margin : margin + side, margin + side : -margin, 0]
    assert part.shape == (side, side // 2)
    dark_rows, dark_columns = np.nonzero(part < 200)
    found = [dark_rows.min(), dark_rows.max(), dark_columns.min(), dark_columns.max()]
    np.testing.assert_allclose(np.array(found) / side, [*rows, *columns], atol=0.01)
    assert part.min() == 40
    blank, _ = writing.draw("1 ", synthetic.pool(), seed=1, scale=8)
    assert (blank[:, margin + side :] == 255).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12a", "has 'a'"),
        ("", "has no digit"),
        ("--", "has no digit"),
        ("1\n2", "has '\\\\n'"),
        ("١", "digits, '-', '/', '.' and spaces only"),
        ("1" * 10, "has 1 10 times; 9 times at most"),
        ("1 " * 30, "60 characters: 40 at most"),
    ],
)
def test_another_text_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        writing.draw(text, synthetic.pool(), seed=1, scale=1)
