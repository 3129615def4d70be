"""Images that several tests of the score take."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """Images with structure: (12, 64, 64, 3) uint8."""
    small = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (12, 3, 8, 8)))
    large = F.interpolate(small, size=64, mode="bicubic", antialias=False).clamp(0, 255)
    return large.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()
