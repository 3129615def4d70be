"""The pool from generators and classifiers whose answers are known."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.sudoku.digits import pool, pool_file
from pipeline.sudoku.digits.pool import DIGITS, LEAST
from tests.sudoku import synthetic


class _Generator:
    """Draws a class as a bright bar in the middle, the longer the higher the class, with a pixel in
    the corner that makes it another image. `drawn` maps (class asked for, number) to the class."""

    def __init__(self, drawn: Any = lambda asked, number: asked, *, is_told: bool = True) -> None:
        self.info = SimpleNamespace(class_names=DIGITS if is_told else ())
        self._drawn = drawn
        self._different = 30 if is_told else 240

    def sample(
        self, seed: int, count: int, *, first: int = 0, label: str | None = None
    ) -> np.ndarray:
        images = np.zeros((count, 32, 32, 1), np.uint8)
        for row, number in enumerate(range(first, first + count)):
            asked = number % 10 if label is None else int(label)
            length = self._drawn(asked, number) + 1
            images[row, 12:20, 16 - length : 16 + length] = 255
            images[row, 0, 0] = number % self._different
        return images


class _Reader:
    """Reads that class from how much of an image is bright, with a probability that `sure` says."""

    def __init__(self, sure: float = 0.95) -> None:
        self._sure = sure

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        classes = np.round(images.sum((1, 2, 3)) / 255 / 16).astype(int) - 1
        found = np.full((len(images), 10), (1 - self._sure) / 9, np.float32)
        found[np.arange(len(images)), classes] = self._sure
        return found


def test_a_generator_that_is_told_the_class_gives_as_many_of_each() -> None:
    made = pool.make(_Generator(), _Reader(), each=10)
    assert [len(of_digit) for of_digit in made.pictures] == [10] * 10
    assert made.tried == (10,) * 10 and made.accepted_share == 1 and made.is_conditional
    for digit, of_digit in enumerate(made.pictures):
        assert {picture.digit for picture in of_digit} == {digit}
        assert len({picture.png for picture in of_digit}) == 10
        image = np.asarray(Image.open(io.BytesIO(of_digit[0].png)))
        assert image.shape == (32, 32) and (image == 255).sum() == 16 * (digit + 1)


def test_a_generator_that_is_told_nothing_gives_what_is_read() -> None:
    made = pool.make(_Generator(is_told=False), _Reader(), each=10)
    assert [len(of_digit) for of_digit in made.pictures] == [10] * 10
    assert not made.is_conditional and all(reject.asked is None for reject in made.rejects)


def test_another_class_than_asked_for_is_rejected() -> None:
    """Every second 3 is drawn as an 8."""
    generator = _Generator(lambda asked, number: 8 if asked == 3 and number % 2 else asked)
    made = pool.make(generator, _Reader(), each=10)
    assert {picture.digit for picture in made.pictures[3]} == {3}
    assert made.tried[3] == 19 and made.tried[8] == 10
    assert [(reject.asked, reject.read) for reject in made.rejects] == [(3, 8)] * 3
    assert made.accepted_share == pytest.approx(100 / 109)


def test_examples_of_rejects_are_of_each_digit() -> None:
    """Every second one is drawn as the next digit."""
    generator = _Generator(lambda asked, number: (asked + number % 2) % 10)
    made = pool.make(generator, _Reader(), each=10)
    wanted = [(digit, (digit + 1) % 10) for digit in range(10) for _ in range(3)]
    assert [(reject.asked, reject.read) for reject in made.rejects] == wanted


def test_a_copy_is_rejected() -> None:
    """A generator of 30 different images of each class cannot give 40."""
    made = pool.make(_Generator(), _Reader(), each=40, most_tries=2)
    assert [len(of_digit) for of_digit in made.pictures] == [30] * 10
    assert made.tried == (80,) * 10
    assert made.rejects == ()  # a copy is no example of a digit that is hard to read


def test_a_doubtful_classifier_accepts_nothing_and_a_line_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"digit 0: 0 of 100 samples .* train longer"):
        pool.make(_Generator(), _Reader(sure=0.89), each=10, most_tries=10)


def test_a_missing_class_is_named() -> None:
    collapsed = _Generator(lambda asked, number: 1 if asked == 7 else asked, is_told=False)
    with pytest.raises(InputError, match=r"digit 7: 0 of 0 samples .* told the class"):
        pool.make(collapsed, _Reader(), each=10, most_tries=2)


def test_other_classes_than_digits_are_refused() -> None:
    generator = _Generator()
    generator.info = SimpleNamespace(class_names=("beagle", "pug"))
    with pytest.raises(InputError, match=r"beagle, pug.*not the digits"):
        pool.make(generator, _Reader())


def test_pictures_are_chosen_by_seed_and_stream_alone() -> None:
    made = synthetic.pool()
    chosen = made.choose(4, LEAST, seed=7, stream="sudoku easy")
    assert chosen == made.choose(4, LEAST, seed=7, stream="sudoku easy")
    assert len({picture.png for picture in chosen}) == LEAST
    assert {picture.digit for picture in chosen} == {4}
    assert chosen != made.choose(4, LEAST, seed=8, stream="sudoku easy")
    assert chosen != made.choose(4, LEAST, seed=7, stream="sudoku hard")
    with pytest.raises(InputError, match="at most 20"):
        made.choose(4, 21, seed=7, stream="digits")


def test_the_file_holds_the_pool(tmp_path) -> None:
    path = tmp_path / "pool.zip"
    made = synthetic.pool()
    assert pool_file.load(path, "a") is None
    pool_file.save(path, made, "a")
    assert pool_file.load(path, "a") == made
    assert pool_file.load(path, "b") is None, "of other networks"
    content = path.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        b"",
        b"no zip",
        content.replace(b"IDAT", b"XXXX"),
    ):
        path.write_bytes(damaged)
        assert pool_file.load(path, "a") is None
