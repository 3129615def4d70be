"""The pool of certified digits that boards and texts take their pictures from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.common import progress, randomness
from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.models.saved import SavedGenerator
from pipeline.sudoku.digits import certificate
from pipeline.sudoku.digits.certificate import DigitClassifier

DIGITS = tuple("0123456789")
PICTURE = ImageShape(32, 1)
# A grid holds each digit nine times, each time as another picture.
LEAST = 9
_BATCH = 250
_SEED = 1
_REJECTS = 3  # of each digit, kept to be shown


@dataclass(frozen=True)
class Picture:
    """A certified digit: its class, confidence and PNG file."""

    digit: int
    confidence: float
    png: bytes


@dataclass(frozen=True)
class Reject:
    """A sample without a certificate: the class asked for (None: no class can be), the class read,
    the confidence, and its PNG file."""

    asked: int | None
    read: int
    confidence: float
    png: bytes


@dataclass(frozen=True)
class Pool:
    """Certified digits, and what it took to get them.

    Attributes:
        pictures: of each digit from 0 to 9, in the order in which they were drawn.
        tried: samples of each class that was asked for, or read where none can be.
        rejects: the first ones of each digit without a certificate.
        is_conditional: the generator is told the class.
    """

    pictures: tuple[tuple[Picture, ...], ...]
    tried: tuple[int, ...]
    rejects: tuple[Reject, ...]
    is_conditional: bool

    @property
    def accepted_share(self) -> float:
        """Return the share of all samples that got a certificate."""
        return sum(map(len, self.pictures)) / sum(self.tried)

    def choose(self, digit: int, count: int, *, seed: int, stream: str) -> list[Picture]:
        """Return `count` different pictures of a digit, a function of the pool and (seed, stream).

        Raises:
            InputError: there are not so many.
        """
        found = self.pictures[digit]
        if count > len(found):
            raise InputError(
                f"count must be at most {len(found)}, the certified pictures of {digit}"
            )
        order = randomness.permutation(seed, f"{stream}: pictures of {digit}", 0, len(found))
        return [found[row] for row in order[:count]]


class _Class:
    """What was drawn of one digit."""

    def __init__(self) -> None:
        self.tried = 0
        self.rejects: list[Reject] = []
        self.pictures: list[tuple[float, np.ndarray]] = []


def make(
    generator: SavedGenerator,
    classifier: DigitClassifier,
    *,
    each: int = 100,
    most_tries: int = 40,
) -> Pool:
    """Return a pool, a function of the two networks.

    A sample is accepted where the class read is the one asked for, where one can ask, its
    confidence is `certificate.CONFIDENCE` or more, and it is no copy of an earlier one.

    Args:
        each: pictures of each digit.
        most_tries: samples of a class at most, in multiples of `each`.

    Raises:
        InputError: the classes of the generator are not the ten digits, or it makes one of them too
            seldom.
    """
    names = generator.info.class_names
    if names and names != DIGITS:
        raise InputError(
            f"the generator's classes are {', '.join(names[:4])}…, not the digits 0 to 9: train it "
            f"on digits (python -m pipeline use digits-dcgan), or have one made: move it away"
        )
    classes = [_Class() for _ in DIGITS]
    seen: set[bytes] = set()

    def add(images: np.ndarray, asked: int | None) -> None:
        images = arrays.conform(images, PICTURE)
        read, confidence = certificate.read(images, classifier)
        for image, digit, sure in zip(images, read.tolist(), confidence.tolist(), strict=True):
            wanted = digit if asked is None else asked
            of_class = classes[wanted]
            if len(of_class.pictures) == each:
                continue
            of_class.tried += 1
            is_good = digit == wanted and sure >= certificate.CONFIDENCE
            if is_good and image.tobytes() not in seen:
                seen.add(image.tobytes())
                of_class.pictures.append((sure, image))
            elif len(of_class.rejects) < _REJECTS and not is_good:
                example = Reject(asked, digit, round(sure, 4), arrays.encode_png(image))
                of_class.rejects.append(example)

    total = each * len(DIGITS)
    with progress.bar(label="digits", total=total, unit="digit") as bar:

        def show() -> None:
            bar.update(sum(len(of_class.pictures) for of_class in classes) - bar.n)

        if names:
            for digit, name in enumerate(DIGITS):
                batch = min(_BATCH, 2 * each)
                for first in range(0, most_tries * each, batch):
                    if len(classes[digit].pictures) == each:
                        break
                    add(generator.sample(_SEED, batch, first=first, label=name), digit)
                    show()
        else:
            batch = min(_BATCH, 2 * total)
            for first in range(0, most_tries * total, batch):
                if all(len(of_class.pictures) == each for of_class in classes):
                    break
                add(generator.sample(_SEED, batch, first=first), None)
                show()
    _require_each(classes, is_conditional=bool(names))
    return Pool(
        pictures=tuple(
            tuple(
                Picture(digit, round(sure, 4), arrays.encode_png(image))
                for sure, image in of_class.pictures
            )
            for digit, of_class in enumerate(classes)
        ),
        tried=tuple(of_class.tried for of_class in classes),
        rejects=tuple(example for of_class in classes for example in of_class.rejects),
        is_conditional=bool(names),
    )


def _require_each(classes: list[_Class], *, is_conditional: bool) -> None:
    """Raise InputError where a digit has too few pictures; the message names the worst one."""
    worst = min(range(len(classes)), key=lambda digit: len(classes[digit].pictures))
    found, tried = len(classes[worst].pictures), classes[worst].tried
    if found < LEAST:
        advice = "train longer (train.images)"
        if not is_conditional:
            advice += ", or a model that is told the class (python -m pipeline use digits-dcgan)"
        raise InputError(
            f"digit {worst}: {found} of {tried:,} samples are read as it with a confidence of "
            f"{certificate.CONFIDENCE:g}, {LEAST} are needed: {advice}"
        )
