"""The crops on the device as uint8, and batches of them as the networks take them."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.common.errors import InputError


def load(path: Path) -> np.ndarray:
    """The crops: uint8 (N, side, side, 3), read as they are used.

    Raises:
        InputError: no such file, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no crops here; make them first (python -m pipeline crop)")
    try:
        # Copy-on-write: the pages are shared by all processes, and torch wants a writable array.
        crops = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: not an array in NumPy's format ({error})") from None
    shape = crops.shape
    if crops.dtype != np.uint8 or crops.ndim != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise InputError(
            f"{path}: holds {crops.dtype} {shape}; training takes uint8 (N, side, side, 3)"
        )
    side = shape[1]
    if side < 16 or side & (side - 1):
        raise InputError(f"{path}: crops of {side} px; DCGAN needs a power of two from 16 up")
    return crops


def require_fitting(batch_size: int, crops: np.ndarray) -> None:
    """Raise InputError where a batch is larger than the data."""
    if batch_size > len(crops):
        raise InputError(
            f"train.batch_size = {batch_size}: larger than the data ({len(crops)} crops)"
        )


class Pictures:
    """Crops resident on the device: a batch is indexed, mirrored and converted there."""

    def __init__(self, crops: np.ndarray, device: torch.device) -> None:
        self._crops = torch.from_numpy(crops).to(device)  # (N, side, side, 3) uint8

    def batch(self, rows: Tensor, flips: Tensor) -> Tensor:
        """(B, 3, side, side) float32 in [-1, 1], channels-last in memory."""
        chosen = self._crops[rows].permute(0, 3, 1, 2)
        chosen = torch.where(flips[:, None, None, None], chosen.flip(3), chosen)
        return chosen.to(torch.float32).mul_(1 / 127.5).sub_(1)
