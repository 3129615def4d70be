"""What a classifier says of the samples' classes, and what it says of real images."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import chdtrc

from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.scoring.classifier import training
from pipeline.scoring.classifier.saved import ImageClassifier, input_shape

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset
    from pipeline.scoring.classifier.training import Recipe

FLOOR = "floor_"
SHARE = "class_share_"


def class_metrics(
    images: np.ndarray,
    classifier: ImageClassifier,
    *,
    dataset: Dataset,
    test: Dataset,
    labels: np.ndarray | None,
) -> dict[str, float]:
    """Return the classes' shares among the samples, how far they are from the data's and, where the
    samples have labels, the share of samples that are of the class asked for; after each its value
    for the real test images, as `floor_`.

    Args:
        images: the samples, uint8 (N, side, side, channels).
        dataset: the training data, whose classes the classifier tells apart.
        test: real images that it was not trained on.
        labels: int64 (N,), the classes that the samples were asked to be of; None where the
            generator is told none.
    """
    shares = np.array(dataset.class_counts) / len(dataset)
    found, real = classifier.predict(images), classifier.predict(test.images)
    metrics: dict[str, float] = {}
    for prefix, classes in (("", found), (FLOOR, real)):
        counts = np.bincount(classes, minlength=len(shares))
        for name, count in zip(dataset.class_names, counts.tolist(), strict=True):
            metrics[f"{prefix}{SHARE}{name}"] = count / len(classes)
        distance, chance = chi_squared(counts, shares)
        metrics |= {f"{prefix}class_chi2": distance, f"{prefix}class_p": chance}
    if labels is not None:
        metrics["class_accuracy"] = float((found == labels).mean())
    metrics[f"{FLOOR}class_accuracy"] = float((real == test.labels).mean())
    return metrics


def chi_squared(counts: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Return Pearson's χ² = Σ (n_k - n p_k)² / (n p_k) of the counts of K classes, and the chance
    of one as large or larger, with K - 1 degrees of freedom, where n draws have these shares.

    χ² grows with the number of draws: compare it for as many.

    Args:
        counts: int (K,), how many draws were of each class.
        shares: float64 (K,), all above 0, which add up to 1.
    """
    expected = counts.sum() * shares
    distance = float(((counts - expected) ** 2 / expected).sum())
    return distance, float(chdtrc(len(counts) - 1, distance))


def classification_accuracy(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    train: Dataset,
    test: Dataset,
    recipe: Recipe,
    device: torch.device,
) -> dict[str, float]:
    """Return the classification accuracy score: the accuracy on real test images of a classifier
    that is trained on samples (Ravuri and Vinyals 2019, arXiv 1905.10887, section 3); as `floor_`
    that of one trained on as many real images.

    Args:
        images: the samples, uint8 (N, side, side, channels).
        labels: int64 (N,), their classes; one may have no sample.
        train: real images, of which a fixed random choice of N is taken, or all.
        test: real images.
        recipe: of both trainings.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(train))[: len(images)])
    samples = arrays.conform(images, train.shape)
    sides = {"": (samples, labels), FLOOR: (train.images[rows], train.labels[rows])}
    shape = input_shape(train.shape.channels)

    def score(prefix: str) -> float:
        side_images, side_labels = sides[prefix]
        network = training.train(
            side_images,
            side_labels,
            classes=len(train.class_names),
            recipe=recipe,
            device=device,
            label="real images" if prefix else "samples",
        )
        classifier = ImageClassifier(network, shape, device)
        return float((classifier.predict(test.images) == test.labels).mean())

    # Each computes with one thread of its own.
    with ThreadPoolExecutor(2 if device.type == "cpu" else 1) as pool:
        scores = list(pool.map(score, sides))
    return {
        f"{prefix}classification_accuracy": value
        for prefix, value in zip(sides, scores, strict=True)
    }


def labels_of(names: np.ndarray, class_names: tuple[str, ...]) -> np.ndarray:
    """Return the rows of class names, int64 (N,), of the names of the samples' classes, (N,) str.

    Raises:
        InputError: one is no class of the data.
    """
    rows = {name: row for row, name in enumerate(class_names)}
    if unknown := sorted(set(names.tolist()) - set(rows)):
        raise InputError(
            f"the samples are of a class {unknown[0]!r} that the data has not; run the generate "
            f"stage again"
        )
    return np.array([rows[name] for name in names.tolist()], np.int64)
