"""Find the nearest real image of each generated one, by cosine, exact and in bounded memory.

A quick matrix product (float32, or bfloat16 where that is quicker) finds, block by block, every
real row that its rounding leaves in question; these few are compared again in float64, so that
block size, processor and precision of the product change no result.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.common.devices import full_float32
from pipeline.common.errors import InputError

_BLOCK_ROWS = 512
_PAIRS = 2048  # rechecked at a time: two float64 copies of as many rows
_MANY = 128  # candidates of one row; with more, all real rows are compared in float64


@dataclass(frozen=True)
class Nearest:
    """For each generated row that is not zero, its nearest real row.

    Attributes:
        rows: (n,) int64, which generated row.
        neighbours: (n,) int64, its nearest real row; the first of equals.
        distances: (n,) float64, 1 - |cos|, in [0, 1].
    """

    rows: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray


@full_float32()
def nearest(
    *, generated_features: np.ndarray, real_features: np.ndarray, device: str = "cpu"
) -> Nearest:
    """Find min over real r of 1 - |cos(g, r)| for each generated g.

    Rows whose sum is 0 are dropped on both sides, as Kaggle does.

    Args:
        generated_features: (N, D) float.
        real_features: (M, D) float.
        device: where the matrix product runs.

    Raises:
        InputError: a side without a row that is not zero, a value that is not finite, or sides of
            different width.
    """
    if generated_features.shape[1] != real_features.shape[1]:
        raise InputError(
            f"generated features have {generated_features.shape[1]} dimensions, real ones "
            f"{real_features.shape[1]}: they come from different networks"
        )
    generated = _Side(generated_features, "generated")
    real = _Side(real_features, "real")
    real_units = torch.from_numpy(real.units(np.arange(len(real.rows)), np.float32)).to(device)
    products = [_Product(real_units, torch.float32)]
    # Enough work for a trial to pay. Not on a GPU, where sums of bfloat16 are rounded on the way.
    if device == "cpu" and len(generated.rows) > 4 * _BLOCK_ROWS:
        products.append(_Product(real_units, torch.bfloat16))
    neighbours = np.empty(len(generated.rows), np.int64)
    cosines = np.empty(len(generated.rows))
    for start in range(0, len(generated.rows), _BLOCK_ROWS):
        block = np.arange(start, min(start + _BLOCK_ROWS, len(generated.rows)))
        units = torch.from_numpy(generated.units(block, np.float32)).to(device)
        trials = []
        for product in products:
            begin = time.perf_counter()
            found = product.candidates(units)
            neighbours[block], cosines[block] = _settle(generated, real, block, found)
            trials.append((time.perf_counter() - begin, product))
        # The first block shows which is quicker here, with these features; either gives the same.
        products = [min(trials, key=lambda trial: trial[0])[1]]
    return Nearest(
        rows=generated.rows,
        neighbours=real.rows[neighbours],
        # Rounding can leave a copy's cosine at 1 + 2e-16.
        distances=np.clip(1 - cosines, 0, 1),
    )


class _Product:
    """The cosines of unit rows with all real ones, computed in `dtype`, with a bound on their
    error."""

    def __init__(self, real_units: torch.Tensor, dtype: torch.dtype) -> None:
        self._real = real_units.to(dtype)
        self._real_error = self._rounding(real_units, self._real).max()
        self._dtype = dtype

    @staticmethod
    def _rounding(units: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
        """Return (n, 1): the length of the difference that rounding made to each row."""
        return (rounded.float() - units).norm(dim=1, keepdim=True)

    def candidates(self, units: torch.Tensor) -> "_Candidates":
        """Return the real rows that may be the nearest of each of `units`.

        With g = ĝ + e and r = r̂ + f, |g·r - ĝ·r̂| <= |e| + |ĝ| |f|. float32 sums add at most
        (D + 2) 2^-24 Σ|g r| in any order (Higham 2002, section 3.1), where Σ|g r| <= 1 for unit
        rows; a result stored in 8 bits up to 2^-8 of itself. Two values may err by as much each.
        """
        rounded = units.to(self._dtype)
        error = self._rounding(units, rounded)
        similar = (rounded @ self._real.T).abs_()  # (rows, M)
        best = similar.amax(dim=1, keepdim=True).float()
        error = error + (1 + error) * self._real_error + (units.shape[1] + 2) * 2.0**-24
        error += torch.finfo(self._dtype).eps / 2 * (best + 2 * error)
        possible = similar >= best - 2 * error
        many = possible.sum(dim=1) > _MANY
        possible[many] = False
        rows, columns = possible.nonzero().cpu().numpy().T
        return _Candidates(many.nonzero()[:, 0].cpu().numpy(), rows, columns)


@dataclass(frozen=True)
class _Candidates:
    """Rows with so many candidates that all real rows are as quick, and the others' pairs."""

    many: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


class _Side:
    """Features without their zero rows, and the rows' lengths."""

    def __init__(self, features: np.ndarray, name: str) -> None:
        norms = np.empty(len(features))
        kept = np.empty(len(features), bool)
        for start in range(0, len(features), _PAIRS):  # float64 copies of a part at a time
            part = features[start : start + _PAIRS].astype(np.float64)
            norms[start : start + _PAIRS] = np.sqrt(np.einsum("ij,ij->i", part, part))
            kept[start : start + _PAIRS] = part.sum(axis=1) != 0
        if not np.isfinite(norms).all():
            raise InputError(f"the {name} features of image {_first(~np.isfinite(norms))} are "
                             f"not finite: wrong weights, or a precision too low")  # fmt: skip
        if not kept.any():
            raise InputError(f"all {name} features are zero: no distance to measure")
        self.rows = kept.nonzero()[0]
        self._features = features
        self._norms = norms

    def units(self, places: np.ndarray, dtype: type) -> np.ndarray:
        """Return rows of length 1, (len(places), D); `places` count the rows that were kept."""
        rows = self.rows[places]
        units = self._features[rows].astype(dtype)
        units /= self._norms[rows, None]
        return units


def _first(mask: np.ndarray) -> int:
    return int(mask.argmax())


def _settle(
    generated: _Side, real: _Side, block: np.ndarray, found: _Candidates
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best candidate of each row of the block, compared in float64.

    Returns:
        (rows,) int64 best real column, the first of equals, and its |cos|, float64.
    """
    rows, columns = found.rows, found.columns
    if len(found.many):
        more_rows, more_columns = _narrow(generated, real, block[found.many])
        rows = np.concatenate([rows, found.many[more_rows]])
        columns = np.concatenate([columns, more_columns])
    # All pairs are computed alike here, so that the result does not depend on the quick product.
    similar = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS):
        part = slice(start, start + _PAIRS)
        products = generated.units(block[rows[part]], np.float64)
        products *= real.units(columns[part], np.float64)
        similar[part] = np.abs(products.sum(axis=1))
    # By row, best first, and among equals the lower column first.
    order = np.lexsort((columns, -similar, rows))
    first = np.unique(rows[order], return_index=True)[1]
    return columns[order][first], similar[order][first]


def _narrow(generated: _Side, real: _Side, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return candidates of rows that the quick product could not tell apart, by one in float64.

    Returns:
        Pairs (place in `places`, real column): at most `_MANY` a row, the first ones. A row has
        more only where so many real rows are equal to twelve digits.
    """
    ours = generated.units(places, np.float64)
    similar = np.empty((len(places), len(real.rows)))
    for start in range(0, len(real.rows), _PAIRS):
        columns = np.arange(start, min(start + _PAIRS, len(real.rows)))
        similar[:, columns] = np.abs(ours @ real.units(columns, np.float64).T)
    possible = similar >= similar.max(axis=1, keepdims=True) - 1e-12
    possible &= possible.cumsum(axis=1, dtype=np.int32) <= _MANY
    return possible.nonzero()
