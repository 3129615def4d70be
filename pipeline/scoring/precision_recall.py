"""Compute precision, recall, density and coverage of generated images.

Precision and recall: Kynkäänniemi et al. 2019 (arXiv 1904.06991), eq. 1. Density and coverage:
Naeem et al. 2020 (arXiv 2002.09797), eq. 3 and 4. Each image has a ball around its features that
reaches to its k-th nearest neighbour of the same side (itself not counted); an image in the ball,
or on its edge, counts.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.common.devices import full_float32
from pipeline.common.errors import InputError

# Of more images a side a choice is taken: the papers use 10,000 to 50,000, and the work grows with
# the square.
_MOST = 10_000
_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Diversity:
    """The four shares.

    Attributes:
        precision: share of generated images that lie in a real ball, 0 to 1.
        recall: share of real images that lie in a generated ball, 0 to 1.
        density: number of real balls that a generated image lies in, over k; about 1 for the real
            distribution itself, and not bounded by it.
        coverage: share of real balls in which a generated image lies, 0 to 1.
    """

    precision: float
    recall: float
    density: float
    coverage: float


@full_float32()
def diversity(
    *,
    generated_features: np.ndarray,
    real_features: np.ndarray,
    neighbours: int,
    device: str = "cpu",
) -> Diversity:
    """Compare the two sides. At most 10,000 images a side are used, a fixed choice of them.

    Args:
        generated_features: (N, D) float.
        real_features: (M, D) float.
        neighbours: k; the papers use 3 and 5.

    Raises:
        InputError: a side has no k + 1 images.
    """
    sides = {"generated": generated_features, "real": real_features}
    for name, features in sides.items():
        if len(features) <= neighbours:
            raise InputError(
                f"score.neighbours = {neighbours}: needs more images than that, there are "
                f"{len(features)} {name} ones"
            )
    # Around the real mean the numbers are small, and so are float32's rounding errors.
    centre = real_features.mean(axis=0, dtype=np.float64)
    generated = _chosen(generated_features, centre, device)
    real = _chosen(real_features, centre, device)
    generated_radii = _radii(generated, neighbours)
    real_radii = _radii(real, neighbours)

    in_real = torch.zeros(len(generated), dtype=torch.int64, device=device)
    real_reached = torch.zeros(len(real), dtype=torch.bool, device=device)
    covered = torch.zeros(len(real), dtype=torch.bool, device=device)
    for start in range(0, len(generated), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        distances = _squared_distances(generated[block], real)  # (rows, M)
        in_ball = distances <= real_radii
        in_real[block] = in_ball.sum(dim=1)
        covered |= in_ball.any(dim=0)
        real_reached |= (distances <= generated_radii[block, None]).any(dim=0)
    return Diversity(
        precision=float((in_real > 0).double().mean()),
        recall=float(real_reached.double().mean()),
        density=float(in_real.double().mean()) / neighbours,
        coverage=float(covered.double().mean()),
    )


def _chosen(features: np.ndarray, centre: np.ndarray, device: str) -> torch.Tensor:
    """Return at most `_MOST` of the rows less `centre`, (n, D) float32 on the device."""
    if len(features) > _MOST:
        chosen = np.random.default_rng(0).permutation(len(features))[:_MOST]
        features = features[np.sort(chosen)]
    return torch.from_numpy((features - centre).astype(np.float32)).to(device)


def _radii(features: torch.Tensor, neighbours: int) -> torch.Tensor:
    """Return (N,): the squared distance of each row to its k-th nearest other row."""
    radii = torch.empty(len(features), device=features.device)
    for start in range(0, len(features), _BLOCK_ROWS):
        distances = _squared_distances(features[start : start + _BLOCK_ROWS], features)
        rows = torch.arange(len(distances), device=features.device)
        distances[rows, start + rows] = torch.inf  # itself
        radii[start : start + _BLOCK_ROWS] = distances.kthvalue(neighbours, dim=1).values
    return radii


def _squared_distances(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return |a|² + |b|² - 2ab, (N, M) and never negative, of (N, D) and (M, D)."""
    lengths = ours.square().sum(dim=1, keepdim=True) + theirs.square().sum(dim=1)
    return torch.addmm(lengths, ours, theirs.T, alpha=-2).clamp_(min=0)
