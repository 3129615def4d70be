"""Pictures from chosen latents: samples, and walks along great circles (White 2016)."""

from itertools import pairwise
from pathlib import Path

import numpy as np


def slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Spherical interpolation of two latents (D,): `start` at share 0, `end` at share 1.

    A Gaussian latent of many dimensions lies near a sphere of radius sqrt(D). The straight line
    between two of them passes far inside it, where the generator has never been asked; the great
    circle stays (White 2016, arXiv 1609.04468, section 2.1):
    sin((1 - t) w) / sin(w) * start + sin(t w) / sin(w) * end, with w the angle between them.
    Parallel or opposite latents have no one great circle, and get the straight line.
    """
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    cosine = start @ end / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return (1 - share) * start + share * end
    weights = np.sin((1 - share) * angle), np.sin(share * angle)
    return (weights[0] * start + weights[1] * end) / np.sin(angle)


def walk(latents: np.ndarray, steps: int, *, closed: bool = False) -> np.ndarray:
    """Latents (K, D) joined by great circles, `steps` points from one to the next.

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


def rows(path: Path, *, walks: int, steps: int, seed: int) -> np.ndarray:
    """`walks` walks of a trained generator between two latents each, row by row.

    Returns:
        uint8 (walks * (steps + 1), side, side, 3), both ends of each walk among them.

    Raises:
        InputError: the file is no generator.
    """
    import torch

    from pipeline.models import load_generator
    from pipeline.models.sampling import latents, sample

    cpu = torch.device("cpu")  # a few dozen pictures: no other device would be faster
    generator = load_generator(path, cpu)
    ends = latents(seed, 0, 2 * walks, generator.latent_dim)
    points = [walk(ends[2 * row : 2 * row + 2], steps) for row in range(walks)]
    return sample(generator, np.concatenate(points), cpu)


def samples(path: Path, *, count: int, seed: int) -> np.ndarray:
    """The first `count` pictures of `seed`, uint8 (count, side, side, 3), from a generator's file.

    Raises:
        InputError: the file is no generator.
    """
    import torch

    from pipeline.models import load_generator
    from pipeline.models.sampling import latents, sample

    cpu = torch.device("cpu")
    generator = load_generator(path, cpu)
    return sample(generator, latents(seed, 0, count, generator.latent_dim), cpu)
