"""What is said of the samples' classes, against scipy and on sets that are made for it."""

import numpy as np
import pytest
import torch
from scipy import stats

from pipeline.common.errors import InputError
from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from pipeline.scoring import class_metrics
from pipeline.scoring.class_metrics import chi_squared, classification_accuracy, labels_of
from pipeline.scoring.classifier.training import Recipe

RECIPE = Recipe(seed=1, images=960, batch_size=32, lr=2e-3)
NAMES = ("dark", "light", "striped")


@pytest.mark.parametrize("counts", [[30, 50, 20], [0, 70, 30], [1, 1, 1], [5000, 2500, 2500]])
def test_chi_squared_is_scipys(counts: list[int]) -> None:
    shares = np.array([0.5, 0.3, 0.2])
    expected = stats.chisquare(counts, shares * sum(counts))
    found = chi_squared(np.array(counts), shares)
    assert found == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


def test_draws_from_the_datas_shares_reject_one_time_in_twenty() -> None:
    rng, shares = np.random.default_rng(0), np.array([0.5, 0.3, 0.2])
    chances = [chi_squared(rng.multinomial(10_000, shares), shares)[1] for _ in range(1000)]
    assert np.mean(np.array(chances) < 0.05) == pytest.approx(0.05, abs=0.02)


def patterns(labels: list[int] | np.ndarray, *, seed: int = 0, shuffled: bool = False) -> Dataset:
    """Images of three classes that any classifier tells apart, with some noise; `shuffled` gives
    them labels that say nothing."""
    labels = np.array(labels, np.int64)
    rng = np.random.default_rng(seed)
    kinds = np.zeros((3, 32, 32, 1))
    kinds[1] = 180
    kinds[2, ::4] = kinds[2, 1::4] = 180
    images = (kinds[labels] + rng.uniform(0, 60, (len(labels), 32, 32, 1))).astype(np.uint8)
    if shuffled:
        labels = rng.permutation(labels)
    return Dataset(images, labels, NAMES, ImageShape(32, 1))


class Brightness:
    """A classifier of `patterns` that never errs."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        rows = images[..., 0].mean(axis=2)
        return np.where(rows.std(axis=1) > 50, 2, (rows.mean(axis=1) > 100).astype(np.int64))


def test_shares_and_the_class_asked_for() -> None:
    dataset = patterns([0] * 50 + [1] * 30 + [2] * 20)
    test = patterns([0] * 5 + [1] * 3 + [2] * 2, seed=1)
    samples = patterns([0] * 30 + [1] * 10, seed=2)  # none of class 2, which is no error
    asked = np.array([0] * 20 + [1] * 20)
    found = class_metrics.class_metrics(
        samples.images, Brightness(), dataset=dataset, test=test, labels=asked
    )
    expected = stats.chisquare([30, 10, 0], [20, 12, 8])
    assert found == pytest.approx({
        "class_share_dark": 0.75, "class_share_light": 0.25, "class_share_striped": 0.0,
        "class_chi2": expected.statistic, "class_p": expected.pvalue,
        "class_accuracy": 0.75,
        "floor_class_share_dark": 0.5, "floor_class_share_light": 0.3,
        "floor_class_share_striped": 0.2,
        "floor_class_chi2": 0.0, "floor_class_p": 1.0,
        "floor_class_accuracy": 1.0,
    })  # fmt: skip
    assert all(type(value) is float for value in found.values())


def test_without_labels_no_class_was_asked_for() -> None:
    dataset = patterns([0, 1, 2] * 10)
    found = class_metrics.class_metrics(
        dataset.images, Brightness(), dataset=dataset, test=dataset, labels=None
    )
    assert "class_accuracy" not in found and found["floor_class_accuracy"] == 1.0


def accuracy_of(samples: Dataset, train: Dataset, test: Dataset) -> dict[str, float]:
    return classification_accuracy(
        samples.images,
        samples.labels,
        train=train,
        test=test,
        recipe=RECIPE,
        device=torch.device("cpu"),
    )


def test_classification_accuracy_tells_good_labels_from_bad_ones() -> None:
    train = patterns([0, 1, 2] * 40)
    test = patterns([0, 1, 2] * 20, seed=1)
    good, bad, without = (
        patterns([0, 1, 2] * 30, seed=2),
        patterns([0, 1, 2] * 30, seed=2, shuffled=True),
        patterns([0, 1] * 45, seed=2),  # one class of three is missing: a third of the test is lost
    )
    found = accuracy_of(good, train, test)
    assert set(found) == {"classification_accuracy", "floor_classification_accuracy"}
    assert min(found.values()) > 0.95
    assert accuracy_of(bad, train, test)["classification_accuracy"] < 0.7
    lost = accuracy_of(without, train, test)
    assert lost["classification_accuracy"] == pytest.approx(2 / 3, abs=0.05)
    # As many real images, so that it is the same for other samples of the same number.
    assert lost["floor_classification_accuracy"] == found["floor_classification_accuracy"]


def test_samples_of_the_submissions_shape_are_conformed_first() -> None:
    train, test = patterns([0, 1, 2] * 20), patterns([0, 1, 2] * 10, seed=1)
    large = train.images.repeat(2, 1).repeat(2, 2).repeat(3, 3)
    wide = Dataset(large, train.labels, NAMES, ImageShape(64, 3))
    assert accuracy_of(wide, train, test)["classification_accuracy"] > 0.95


def test_labels_are_rows_of_the_names() -> None:
    assert labels_of(np.array(["striped", "dark"]), NAMES).tolist() == [2, 0]
    with pytest.raises(InputError, match="of a class 'odd' that the data has not"):
        labels_of(np.array(["dark", "odd"]), NAMES)
