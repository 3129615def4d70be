"""Texts in generated digits."""

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.sudoku import writing
from tests.sudoku import synthetic


def test_a_date_is_its_digits_and_marks_in_order() -> None:
    made = synthetic.pool()
    image, chosen = writing.draw("2026-11-26", made, seed=1, scale=1)
    assert image.dtype == np.uint8
    assert image.shape == (32 + 16, 8 * 32 + 2 * 16 + 16, 1)
    assert [picture.digit for picture in chosen] == [2, 0, 2, 6, 1, 1, 2, 6]
    assert len({picture.png for picture in chosen}) == 8, "each another sample"
    # At scale 1 a digit is its sample, dark on white.
    import io

    from PIL import Image

    first = arrays.from_pillow(Image.open(io.BytesIO(chosen[0].png)))
    np.testing.assert_array_equal(image[8:40, 8:40], 255 - first)


def test_the_same_seed_gives_the_same_picture() -> None:
    made = synthetic.pool()
    first, _ = writing.draw("10/12", made, seed=1, scale=2)
    again, _ = writing.draw("10/12", made, seed=1, scale=2)
    other, _ = writing.draw("10/12", made, seed=2, scale=2)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("mark", "rows", "columns"),
    [("-", (50, 77), (10, 53)), (".", (96, 123), (20, 43)), ("/", (8, 119), (3, 60))],
)
def test_marks_are_where_they_belong(
    mark: str, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    image, _ = writing.draw(f"1{mark}", synthetic.pool(), seed=1, scale=4)
    part = image[32:160, 160:224, 0]
    dark_rows, dark_columns = np.nonzero(part < 200)
    assert rows[0] <= dark_rows.min() and dark_rows.max() <= rows[1]
    assert columns[0] <= dark_columns.min() and dark_columns.max() <= columns[1]
    assert part.min() == 40
    blank, _ = writing.draw("1 ", synthetic.pool(), seed=1, scale=4)
    assert (blank[32:160, 160:224] == 255).all()


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
