"""Pack a subset of the crops under 60 MB: `python -m benchmarks.gpu_crops IN.npy OUT.npy`."""

import argparse
from pathlib import Path

import numpy as np

from pipeline.common import npy, randomness

LIMIT_BYTES = 60_000_000


def pack(crops: np.ndarray) -> np.ndarray:
    """Return as many crops as fit, drawn without order from all of them, in their order."""
    count = min(len(crops), LIMIT_BYTES // crops[0].nbytes)
    rows = np.sort(randomness.permutation(0, "travel", 0, len(crops))[:count])
    return np.ascontiguousarray(crops[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crops", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    npy.write(options.out, pack(np.load(options.crops, mmap_mode="r")))


if __name__ == "__main__":
    main()
