"""The certificate of a generated digit: a classifier reads it as the same digit, with confidence,
also when it is moved or turned a little, and as the ink that is shown of it."""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional as F

from pipeline.common import devices
from pipeline.images import arrays
from pipeline.sudoku.digits import ink

# Of the classifier's probability, the least of all variants. It is trained with smoothed labels, so
# that it gives 0.955 where it has no doubt at all.
CONFIDENCE = 0.9
# Raised with each change of what a certificate means, so that pools of before are made anew.
VERSION = 1
_SHIFT = 1 / 16  # of the image's side: 2 px of 32
_TURN_DEGREES = 10.0


class DigitClassifier(Protocol):
    """What reads digits."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float32 (N, classes), of uint8 (N, side, side,
        channels)."""


# Moves to the right and down as shares of half the side, as `affine_grid` measures, and turns.
_MOTIONS = (
    (0.0, -2 * _SHIFT, 0.0),
    (0.0, 2 * _SHIFT, 0.0),
    (-2 * _SHIFT, 0.0, 0.0),
    (2 * _SHIFT, 0.0, 0.0),
    (0.0, 0.0, -_TURN_DEGREES),
    (0.0, 0.0, _TURN_DEGREES),
)


def moved(images: np.ndarray, motion: tuple[float, float, float]) -> np.ndarray:
    """Return images moved and turned about their middle, by bilinear interpolation, the edge
    repeated.

    Args:
        images: uint8 (N, side, side, channels); so is what is returned.
        motion: to the right and down, in halves of the side, and clockwise, in degrees.
    """
    right, down, degrees = motion
    signed = arrays.to_signed(torch.from_numpy(images))
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    # Where each place of the result comes from: the inverse of the motion.
    matrix = torch.tensor([[cosine, sine, -right], [-sine, cosine, -down]], dtype=torch.float32)
    matrices = matrix.expand(len(images), 2, 3)
    with devices.cpu_threads(1):  # small work: several threads would wait for each other
        grid = F.affine_grid(matrices, list(signed.shape), align_corners=False)
        found = F.grid_sample(signed, grid, padding_mode="border", align_corners=False)
        return arrays.to_bytes(found).numpy()


def read(images: np.ndarray, classifier: DigitClassifier) -> tuple[np.ndarray, np.ndarray]:
    """Return the class that each image is read as, int64 (N,), and the confidence, float32 (N,).

    The class is that of the image as it is; the confidence is the least probability of this class
    for the image as it is, as ink, moved by 2 of 32 px up, down, left and right, and turned by 10
    degrees either way. What is below `CONFIDENCE` in one of these is not read in the next ones.

    Args:
        images: uint8 (N, 32, 32, 1), bright on dark.
    """
    probabilities = classifier.probabilities(images)
    classes, confidence = probabilities.argmax(1).astype(np.int64), probabilities.max(1)
    versions = [ink.as_sample, *(functools.partial(moved, motion=each) for each in _MOTIONS)]
    for version in versions:
        left = np.flatnonzero(confidence >= CONFIDENCE)
        if not len(left):
            break
        found = classifier.probabilities(version(images[left]))
        of_class = found[np.arange(len(left)), classes[left]]
        confidence[left] = np.minimum(confidence[left], of_class)
    return classes, confidence
