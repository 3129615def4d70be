"""The sets that the network is evaluated on, and their table."""

import numpy as np

from research.distillation import evaluation, gans
from research.distillation.data import LabelledImages
from research.distillation.evaluation import EvaluationAmounts, SetScores
from tests import factories


def test_there_are_enough_sets_and_each_has_its_images() -> None:
    def labelled(count: int) -> LabelledImages:
        image = factories.noise(1, 64, seed=count)
        return LabelledImages(image.repeat(count, 0), np.arange(count) % 24 * 5 + 4)

    photos = labelled(3400)
    samples = {
        f"{run} {per_cent}": np.zeros((200, 64, 64, 3), np.uint8)
        for run in gans.HELD_OUT_RUNS
        for per_cent in (1, 50, 100)
    }
    others = {"shoes": np.zeros((250, 28, 28), np.uint8)}
    amounts = EvaluationAmounts()
    made = evaluation.evaluation_images(photos, *[labelled(300)] * 3, others, samples, amounts)
    breeds = photos.breeds[evaluation.reference_order(photos)][amounts.reference :]
    sets = evaluation.image_sets(made, breeds, tuple(samples), tuple(others), amounts)
    assert len(sets) >= 60
    assert len({each.name for each in sets}) == len(sets)
    for each in sets:
        assert all(rows.max(initial=0) < len(made[name]) for name, rows in each.rows.items())
        count = sum(len(rows) for rows in each.rows.values())
        assert count in (amounts.images, amounts.copy_images)


def test_the_table_has_every_large_family_and_the_ranks() -> None:
    scores = [
        SetScores(str(i), "many" if i < 6 else "two", i, i**2, -i, float(i)) for i in range(8)
    ]
    lines = evaluation.table(scores).splitlines()
    assert lines[2:] == ["| all | 8 | 1.000 | -1.000 |", "| many | 6 | 1.000 | -1.000 |"]
