"""Walks between latents along great circles (White 2016, arXiv 1609.04468)."""

from itertools import pairwise

import numpy as np
from scipy.special import ndtri


def slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the spherical interpolation of two latents (D,): `start` at share 0, `end` at 1.

    A Gaussian latent of many dimensions lies near a sphere of radius sqrt(D). The straight line
    between two of them passes through the interior, where training had no latents; the great
    circle stays on the sphere (White 2016, section 2.1):
    sin((1 - t) w) / sin(w) * start + sin(t w) / sin(w) * end, with w the angle between them.
    Through parallel or opposite latents there is no single great circle: they get the straight
    line.

    Returns:
        float64 (D,).
    """
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return (1 - share) * start + share * end
    weights = np.sin((1 - share) * angle), np.sin(share * angle)
    return (weights[0] * start + weights[1] * end) / np.sin(angle)


def walk(latents: np.ndarray, steps: int, *, closed: bool = False) -> np.ndarray:
    """Connect latents (K, D) by great circles, `steps` points from one to the next.

    Returns:
        float32; open: ((K - 1) * steps + 1, D), from the first to the last, both among them;
        closed: (K * steps, D), on from the last to the first, which is not repeated.
    """
    stops = [*latents, latents[0]] if closed else list(latents)
    points = [
        slerp(start, end, step / steps) for start, end in pairwise(stops) for step in range(steps)
    ]
    if not closed:
        points.append(np.asarray(stops[-1], dtype=np.float64))
    return np.stack(points).astype(np.float32)


def class_shares(labels: list[int], steps: int, *, classes: int) -> np.ndarray:
    """Connect classes by straight lines, `steps` points from one to the next, and on from the last
    to the first, which is not repeated.

    Returns:
        float32 (len(labels) * steps, classes): the shares of the classes at each point.
    """
    corners = np.eye(classes)[[*labels, labels[0]]]
    points = [
        (1 - step / steps) * start + step / steps * end
        for start, end in pairwise(corners)
        for step in range(steps)
    ]
    return np.stack(points).astype(np.float32)


def plane(side: int) -> np.ndarray:
    """Return side x side latents of two dimensions, row by row: the centres of as many cells of
    equal probability of the standard normal (Kingma and Welling 2014, appendix A). The first grows
    to the right, the second upwards.

    Returns:
        float32 (side², 2).
    """
    places = ndtri((np.arange(side) + 0.5) / side)
    second, first = np.meshgrid(places[::-1], places, indexing="ij")
    return np.stack([first.ravel(), second.ravel()], axis=1).astype(np.float32)
