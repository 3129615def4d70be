"""Batches: every draw is a function of (seed, image number); no batch, start or epoch end changes
it. Images are the right rows, mirrored where asked, in [-1, 1]."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from pipeline.training.engine.batches import CHANCES, Batch, Batches
from tests import factories

IMAGES = 10


def numbered(channels: int = 3) -> Dataset:
    """Return images that can be told from a batch: image i has level i on its left half and
    100 + i on its right one, and class i."""
    images = np.arange(IMAGES, dtype=np.uint8)[:, None, None, None].repeat(2, 1)
    images = np.concatenate([images, 100 + images], axis=2).repeat(channels, 3)
    names = tuple(f"class {number}" for number in range(IMAGES))
    return Dataset(images, np.arange(IMAGES), names, ImageShape(2, channels))


def batches(dataset: Dataset | None = None, **changes: Any) -> Batches:
    settings = {"seed": 1, "flips": True, "latent_dim": 4} | changes
    return Batches(dataset or numbered(), device=torch.device("cpu"), **settings)


def rows_and_flips(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Read from the images which rows they are, and which are mirrored."""
    levels = ((batch.images + 1) * 127.5).round().int().numpy()[:, 0, 0]  # (B, 2): left, right
    return levels.min(axis=1), levels[:, 0] > levels[:, 1]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_the_rows_mirrored_left_and_right(channels: int) -> None:
    dataset = factories.dataset(40, channels=channels)
    batch = batches(dataset).at(35, 12)  # over the end of an epoch
    assert batch.images.dtype == torch.float32
    assert batch.images.shape == (12, channels, 16, 16)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images.min() >= -1 and batch.images.max() <= 1
    found = batch.images.permute(0, 2, 3, 1).double().numpy()
    as_they_are = dataset.images.astype(np.float64) / 127.5 - 1
    mirrored = 0
    for image in found:
        plain = np.abs(as_they_are - image).max((1, 2, 3)).min()
        flipped = np.abs(as_they_are[:, :, ::-1] - image).max((1, 2, 3)).min()
        assert min(plain, flipped) < 1e-6
        mirrored += flipped < plain
    assert 0 < mirrored < 12


def test_labels_are_those_of_the_images() -> None:
    batch = batches().at(3, 25)
    rows, _ = rows_and_flips(batch)
    assert batch.labels.dtype == torch.int64
    assert batch.labels.tolist() == rows.tolist()


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_batch_does_not_change_a_draw(size: int) -> None:
    whole = batches().at(0, 42)
    parts = [batches().at(first, size) for first in range(0, 42, size)]
    for name in ("images", "labels", "latents"):
        pieces: list[Tensor] = [getattr(part, name) for part in parts]
        assert torch.equal(getattr(whole, name), torch.cat(pieces)), name
    chance = [part.chance() for part in parts]
    assert np.array_equal(whole.chance(), np.concatenate(chance, axis=1))
    assert whole.chance().shape == (CHANCES, 42)


def test_the_first_chance_is_that_of_the_mirror() -> None:
    """Objectives must not use it for anything else."""
    batch = batches().at(0, 200)
    assert np.array_equal(batch.chance()[0] < 0.5, rows_and_flips(batch)[1])


def test_each_epoch_shows_every_image_once_in_another_order() -> None:
    epochs = rows_and_flips(batches().at(0, 3 * IMAGES))[0].reshape(3, IMAGES)
    assert all(sorted(epoch) == list(range(IMAGES)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 3


def test_flips_are_half_or_none() -> None:
    flips = rows_and_flips(batches().at(0, 20_000))[1]
    assert abs(flips.mean() - 0.5) < 5 * 0.5 / 20_000**0.5
    assert not rows_and_flips(batches(flips=False).at(0, 1000))[1].any()


def test_latents_are_standard_normal() -> None:
    latents = batches().at(0, 10_000).latents
    assert latents.shape == (10_000, 4) and latents.dtype == torch.float32
    # 40,000 draws: five standard errors.
    assert latents.mean().abs() < 5 / 200 and abs(latents.std() - 1) < 5 / (2 * 40_000) ** 0.5


def test_the_seed_changes_everything() -> None:
    one, other = batches().at(0, 50), batches(seed=2).at(0, 50)
    for ours, theirs in zip(rows_and_flips(one), rows_and_flips(other), strict=True):
        assert not np.array_equal(ours, theirs)
    assert not torch.equal(one.latents, other.latents)
    assert not np.array_equal(one.chance(), other.chance())
