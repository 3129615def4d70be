"""Crops on the device: the right rows, mirrored where asked, in [-1, 1]."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.training.engine.batches import Pictures, load
from tests.training.tiny import crops


def test_rows_flips_and_range() -> None:
    images = crops(6)
    rows, flips = torch.tensor([4, 1, 4]), torch.tensor([False, True, True])
    batch = Pictures(images, torch.device("cpu")).batch(rows, flips)
    expected = images[[4, 1, 4]].astype(np.float64) / 127.5 - 1
    expected[1:] = expected[1:, :, ::-1]  # left and right change places, not top and bottom
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert np.allclose(batch.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    assert batch.min() >= -1 and batch.max() <= 1


def test_load_gives_what_was_saved(tmp_path: Path) -> None:
    np.save(tmp_path / "crops.npy", crops(3))
    assert np.array_equal(load(tmp_path / "crops.npy"), crops(3))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 16, 16, 3), np.float32), "float32"),
        (np.zeros((2, 16, 32, 3), np.uint8), "takes uint8"),
        (np.zeros((2, 48, 48, 3), np.uint8), "power of two"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "crops.npy", array)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "crops.npy")


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make them first"):
        load(tmp_path / "crops.npy")
    (tmp_path / "crops.npy").write_bytes(b"junk")
    with pytest.raises(InputError, match="not an array"):
        load(tmp_path / "crops.npy")
