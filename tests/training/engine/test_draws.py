"""Every draw is a function of (seed, image number): no batch, start or epoch end changes it."""

from dataclasses import astuple

import numpy as np
import pytest

from pipeline.training.engine.draws import Dice
from tests.training.tiny import tiny


def dice(**changes: object) -> Dice:
    return Dice(tiny(**changes).train, pictures=10, latent_dim=4)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_batch_does_not_change_a_draw(size: int) -> None:
    whole = astuple(dice().at(0, 42))
    parts = [astuple(dice().at(first, size)) for first in range(0, 42, size)]
    for one, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert np.array_equal(one, np.concatenate(pieces))


def test_each_epoch_shows_every_picture_once_in_another_order() -> None:
    epochs = dice().at(0, 30).rows.reshape(3, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 3


def test_flips_are_half_or_none() -> None:
    flips = dice().at(0, 20_000).flips
    assert abs(flips.mean() - 0.5) < 5 * 0.5 / 20_000**0.5
    assert not dice(train__flips=False).at(0, 1000).flips.any()


def test_targets_of_both_sides() -> None:
    draws = dice(
        train__real_labels=[0.8, 0.9], train__fake_labels=[0.1, 0.2], train__swap_labels=0.0
    ).at(0, 1000)
    assert draws.real_targets.min() >= np.float32(0.8)
    assert draws.real_targets.max() <= np.float32(0.9)
    assert draws.fake_targets.min() >= np.float32(0.1)
    assert draws.fake_targets.max() <= np.float32(0.2)
    assert np.corrcoef(draws.real_targets, draws.fake_targets)[0, 1] ** 2 < 0.02
    swapped = dice(train__real_labels=[1, 1], train__fake_labels=[0, 0], train__swap_labels=0.5).at(
        0, 1000
    )
    assert 400 < (swapped.real_targets == 0).sum() < 600
    assert 400 < (swapped.fake_targets == 1).sum() < 600


def test_the_seed_changes_everything() -> None:
    for one, other in zip(
        astuple(dice().at(0, 50)), astuple(dice(train__seed=2).at(0, 50)), strict=True
    ):
        assert not np.array_equal(one, other)
