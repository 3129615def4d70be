"""Arrays in data/raw: what a source leaves whose images need no cropping."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.common import checksums, files, npy
from pipeline.common.errors import InputError

_IMAGES, _LABELS, _CLASSES = "images.npy", "labels.npy", "classes.json"
_HELD_OUT = "held_out_"


@dataclass(frozen=True)
class LabelledImages:
    """Images of one shape with their labels.

    Attributes:
        images: uint8 (N, height, width, channels).
        labels: int64 (N,), rows of the class names.
    """

    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def empty_like(cls, other: LabelledImages) -> LabelledImages:
        """Return no images, of the other's shape."""
        return cls(other.images[:0], other.labels[:0])


@dataclass(frozen=True)
class RawArrays:
    """What lies in data/raw.

    Attributes:
        training: to train on.
        held_out: the data's own test set, which training never sees; maybe empty.
        class_names: in the order of the labels.
    """

    training: LabelledImages
    held_out: LabelledImages
    class_names: tuple[str, ...]

    def write(self, raw: Path) -> None:
        """Write the arrays into the folder `raw`."""
        for prefix, part in (("", self.training), (_HELD_OUT, self.held_out)):
            npy.write(raw / f"{prefix}{_IMAGES}", np.ascontiguousarray(part.images))
            npy.write(raw / f"{prefix}{_LABELS}", part.labels)
        files.write_text(raw / _CLASSES, json.dumps(list(self.class_names), ensure_ascii=False))

    @classmethod
    def is_in(cls, raw: Path) -> bool:
        """Return whether the folder holds arrays, and not archives of photos."""
        return (raw / _IMAGES).is_file()

    @classmethod
    def load(cls, raw: Path) -> RawArrays:
        """Return the arrays in the folder, read from disk as they are used.

        Raises:
            InputError: a file is missing or damaged.
        """
        parts = [
            LabelledImages(
                npy.load(raw / f"{prefix}{_IMAGES}", made_by="download"),
                npy.load(raw / f"{prefix}{_LABELS}", made_by="download"),
            )
            for prefix in ("", _HELD_OUT)
        ]
        if (raw / _CLASSES).is_file():
            checksums.require(raw / _CLASSES, made_by="download")
        try:
            names = tuple(json.loads((raw / _CLASSES).read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{raw / _CLASSES}: not whole ({error}); run the download stage again"
            ) from None
        return cls(*parts, names)


def split(
    train: LabelledImages, test: LabelledImages, which: str, class_names: Iterable[str]
) -> RawArrays:
    """Return the data to train on and the held-out part.

    Args:
        which: `train` keeps the test images held out; `test` trains on them and holds the others
            out; `both` trains on all and holds nothing out.

    Raises:
        InputError: there is no image of a class to train on.
    """
    names = tuple(class_names)
    if which == "both":
        first = LabelledImages(
            np.concatenate([train.images, test.images]),
            np.concatenate([train.labels, test.labels]),
        )
        second = LabelledImages.empty_like(first)
    else:
        first, second = (train, test) if which == "train" else (test, train)
    counts = np.bincount(first.labels, minlength=len(names))
    if missing := [name for name, count in zip(names, counts, strict=True) if not count]:
        raise InputError(f"no image to train on of the class {', '.join(missing)}")
    return RawArrays(first, second, names)


def require_labels(images: np.ndarray, labels: np.ndarray, classes: int, where: str) -> None:
    """Raise InputError unless there is a label for each image, and a class for each label."""
    if len(images) != len(labels):
        raise InputError(f"{where}: {len(images):,} images and {len(labels):,} labels")
    if not len(images):
        raise InputError(f"{where}: holds no images")
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise InputError(f"{where}: label {wrong}, and there are classes 0 to {classes - 1}")
