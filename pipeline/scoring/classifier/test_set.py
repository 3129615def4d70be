"""What a classifier is trained on, and what it is tested on."""

from __future__ import annotations

import numpy as np

from pipeline.common.errors import InputError
from pipeline.data.dataset import Dataset

_SHARE = 0.1


def require_classes(dataset: Dataset) -> None:
    """Raise InputError where there is nothing to tell apart."""
    if len(dataset.class_names) < 2:
        raise InputError(
            "classifier.train: all crops are of one class; take data with classes, or set it to "
            "false"
        )


def split(dataset: Dataset, held_out: Dataset) -> tuple[Dataset, Dataset]:
    """Return what to train on and what to test on: all of the data and its own test set or, where
    it has none, nine tenths of the data and the last tenth, a fixed random choice.

    Raises:
        InputError: there are fewer than 10 images, and no test set.
    """
    if len(held_out):
        return dataset, held_out
    count = int(_SHARE * len(dataset))
    if not count:
        raise InputError(
            f"classifier.train: {len(dataset)} crops and no test set; a classifier needs 10 at "
            f"least"
        )
    shuffled = np.random.default_rng(0).permutation(len(dataset))
    return _rows(dataset, np.sort(shuffled[count:])), _rows(dataset, np.sort(shuffled[:count]))


def _rows(dataset: Dataset, rows: np.ndarray) -> Dataset:
    return Dataset(dataset.images[rows], dataset.labels[rows], dataset.class_names, dataset.shape)
