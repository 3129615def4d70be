"""Generators of the project's own families, on the way through their training."""

import numpy as np
import pytest

from research.distillation import families, gans
from research.distillation.families import FamilyRun
from tests import factories


@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_samples_change_on_the_way_and_repeat(name: str) -> None:
    run = FamilyRun(
        64, {"model.name": name, f"model.{name}.channels": 4, f"model.{name}.conditional": False,
             "train.batch_size": 4},
    )  # fmt: skip
    images = factories.images(8, 64, knots=8)
    made = dict(families.train_and_sample(run, images, 3))
    assert list(made) == list(gans.PROGRESS)
    for samples in made.values():
        assert samples.shape == (3, 64, 64, 3)
        assert samples.dtype == np.uint8
    assert not np.array_equal(made[0.5], made[1.0])
    again = dict(families.train_and_sample(run, images, 3))
    assert all(np.array_equal(made[share], again[share]) for share in made)


def test_all_runs_are_of_settings_that_there_are() -> None:
    for run in (families.TRAINING_RUNS | families.HELD_OUT_RUNS).values():
        settings = run.settings
        assert run.trained_on in ("crops", "photos")
        family = getattr(settings.model, settings.model.name)
        assert not family.conditional  # their images have one class
