"""Random numbers by index: draw i of a stream is a function of (seed, stream, i) and of nothing
else, so that a run can start at any image, in any batch size, on any number of processes.

Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") encrypts a counter:
any stretch of its stream costs no more than the stretch. NumPy's own distributions take a varying
number of words a value and may change between versions; these take one word a value.
"""

import zlib

import numpy as np
from scipy.special import ndtr, ndtri

_WORDS_PER_COUNT = 4


def words(seed: int, stream: str, first: int, count: int, width: int) -> np.ndarray:
    """Return uint64 (count, width): `width` random words for each index from `first` on."""
    blocks = -(-width // _WORDS_PER_COUNT)
    key = np.array([seed, zlib.crc32(stream.encode())], dtype=np.uint64)
    source = np.random.Philox(key=key).advance(first * blocks)
    raw = source.random_raw(count * blocks * _WORDS_PER_COUNT)
    return raw.reshape(count, blocks * _WORDS_PER_COUNT)[:, :width]


def uniforms(seed: int, stream: str, first: int, count: int, width: int) -> np.ndarray:
    """Return float64 (count, width), uniform in the open interval (0, 1)."""
    return ((words(seed, stream, first, count, width) >> np.uint64(11)) + 0.5) * 2.0**-53


def normals(
    seed: int, stream: str, first: int, count: int, width: int, *, limit: float | None = None
) -> np.ndarray:
    """Return float32 (count, width), standard normal by inversion; with `limit`, given that |z| <=
    limit."""
    share = uniforms(seed, stream, first, count, width)
    if limit is not None:
        low, high = ndtr(-limit), ndtr(limit)
        share = low + share * (high - low)
    return ndtri(share).astype(np.float32)


def permutation(seed: int, stream: str, index: int, length: int) -> np.ndarray:
    """Return int64 (length,): the `index`-th shuffle of 0..length-1 in this stream."""
    return np.argsort(words(seed, stream, index, 1, length)[0], kind="stable")
