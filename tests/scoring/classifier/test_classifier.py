"""The classifier: learns the digits, gives the same file from a seed, refuses other files."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.data.dataset import Dataset
from pipeline.scoring import threshold
from pipeline.scoring.classifier import saved, test_set, training
from pipeline.scoring.classifier.saved import ClassifierInfo, ImageClassifier
from pipeline.scoring.classifier.training import Recipe
from tests import factories, labelled

CPU = torch.device("cpu")
SHORT = Recipe(seed=1, images=256, batch_size=32, lr=2e-3)


def trained(dataset: Dataset, recipe: Recipe = SHORT, **changes: object) -> nn.Module:
    return training.train(
        dataset.images,
        dataset.labels,
        classes=len(dataset.class_names),
        recipe=recipe,
        device=CPU,
        **changes,
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    return labelled.load(labelled.digits(tmp_path_factory.mktemp("digits")))


def test_it_learns_the_digits(digits: tuple[Dataset, Dataset]) -> None:
    dataset, test = digits
    network = trained(dataset, Recipe(seed=1, images=9_000, batch_size=64, lr=2e-3))
    classifier = ImageClassifier(network, saved.input_shape(1), CPU)
    assert (classifier.predict(test.images) == test.labels).mean() >= 0.96
    features = classifier.features(test.images)
    assert features.shape == (297, 128) and features.min() >= 0
    # The last layer on the features is what tells the classes.
    logits = network.last(torch.from_numpy(features)).detach().numpy()
    assert np.array_equal(logits.argmax(1), classifier.predict(test.images))
    # The probabilities are e to the logits, shared out.
    powers = np.exp(logits.astype(np.float64))
    wanted = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(classifier.probabilities(test.images), wanted, atol=1e-4)


def test_the_same_seed_gives_the_same_weights_on_any_number_of_threads(
    digits: tuple[Dataset, Dataset],
) -> None:
    states = []
    for threads, seed in ((1, 1), (2, 1), (1, 2)):
        torch.manual_seed(threads)
        torch.set_num_threads(threads)
        network = trained(digits[0], Recipe(seed=seed, images=256, batch_size=32, lr=2e-3))
        assert torch.get_num_threads() == threads
        states.append(torch.cat([weight.flatten() for weight in network.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_each_epoch_shows_every_image_once() -> None:
    order = training._Order(seed=3, length=10)
    rows = np.concatenate([order.rows(first, 4) for first in range(0, 40, 4)]).reshape(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in rows.tolist())
    assert len({tuple(epoch) for epoch in rows.tolist()}) == 4
    assert np.array_equal(order.rows(7, 9), rows.ravel()[7:16])


def test_shifts_move_an_image_and_repeat_its_edge() -> None:
    image = np.arange(36, dtype=np.uint8).reshape(1, 6, 6, 1)
    shifts = np.array([[2, 2], [0, 2], [2, 4], [4, 0]], np.uint64)
    moved = training._moved(torch.from_numpy(image.repeat(4, 0)), shifts)[..., 0].numpy()
    padded = np.pad(image[0, ..., 0], 2, mode="edge")
    expected = [padded[row : row + 6, column : column + 6] for row, column in shifts.astype(int)]
    assert np.array_equal(moved, np.stack(expected))
    assert np.array_equal(moved[0], image[0, ..., 0])


def test_fewer_images_than_a_batch() -> None:
    dataset = factories.dataset(5, 16, classes=("a", "b"))
    assert trained(dataset, Recipe(seed=1, images=20, batch_size=128, lr=1e-3)).training is False


def test_colour_and_any_side() -> None:
    dataset = factories.dataset(40, 48, classes=("a", "b"), channels=3)
    classifier = ImageClassifier(trained(dataset), saved.input_shape(3), CPU)
    assert classifier.predict(dataset.images[..., :1].copy()).shape == (40,)


# --- the file -----------------------------------------------------------------------------------


def write(path: Path) -> ClassifierInfo:
    dataset = factories.dataset(20, 16, classes=("a", "b"), channels=1)
    info = ClassifierInfo(("a", "b"), 1, SHORT, 0.75, 8, 0.01)
    saved.save(path, trained(dataset).state_dict(), info)
    return info


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    info = write(tmp_path / "one.pt")
    write(tmp_path / "two.pt")
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "two.pt").read_bytes()
    found = saved.load(tmp_path / "one.pt", CPU)
    assert found is not None and found.info == info
    assert found.memorization_threshold == 0.01 and len(found.identity) == 64


def test_an_empty_file_is_no_classifier(tmp_path: Path) -> None:
    (tmp_path / "none.pt").write_bytes(b"")
    assert saved.load(tmp_path / "none.pt", CPU) is None


def test_missing_damaged_and_other_files_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "classifier.pt"
    with pytest.raises(InputError, match="run the classify stage first"):
        saved.load(path, CPU)
    write(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        saved.load(path, CPU)
    factories.write_generator(path)
    with pytest.raises(InputError, match="not a classifier that this code can read"):
        saved.load(path, CPU)


# --- what it is tested on -----------------------------------------------------------------------


def test_a_tenth_is_kept_where_the_data_has_no_test_set() -> None:
    dataset = factories.dataset(50, 16, classes=("a", "b"))
    none = Dataset(dataset.images[:0], dataset.labels[:0], dataset.class_names, dataset.shape)
    train, test = test_set.split(dataset, none)
    assert (len(train), len(test)) == (45, 5)
    both = np.concatenate([train.images, test.images])
    assert {image.tobytes() for image in both} == {image.tobytes() for image in dataset.images}
    pairs = zip(dataset.images, dataset.labels, strict=True)
    labels = {image.tobytes(): label for image, label in pairs}
    for part in (train, test):
        assert [labels[image.tobytes()] for image in part.images] == part.labels.tolist()
    assert test_set.split(dataset, test) == (dataset, test)
    few = factories.dataset(9, 16, classes=("a", "b"))
    with pytest.raises(InputError, match="9 crops and no test set"):
        test_set.split(few, none)


def test_data_of_one_class_is_one_line() -> None:
    with pytest.raises(InputError, match="all crops are of one class") as told:
        test_set.require_classes(factories.dataset(50, 16))
    assert "\n" not in str(told.value)


def test_the_threshold_is_a_third_of_what_unseen_images_get() -> None:
    """Points at one angle from their nearest neighbour have one distance, whatever set is drawn."""
    seen = np.eye(8, dtype=np.float32)
    unseen = seen + 0.5 * np.roll(seen, 1, axis=1)
    found = threshold.memorization_threshold(unseen_features=unseen, seen_features=seen)
    assert found == pytest.approx((1 - 1 / np.sqrt(1.25)) / 3)
    assert threshold.memorization_threshold(unseen_features=seen, seen_features=seen) < 1e-9


# --- real data ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("variable", "source", "images", "least"),
    [
        ("MNIST_FOLDER", "mnist", 300_000, 0.99),
        ("FASHION_FOLDER", "fashion-mnist", 600_000, 0.915),
    ],
)
def test_real_data_is_told_right(
    tmp_path: Path, variable: str, source: str, images: int, least: float
) -> None:
    if variable not in os.environ:
        pytest.skip(f"{variable} names no folder with the four files")
    paths = labelled.of_folder(Paths(tmp_path), source, Path(os.environ[variable]))
    dataset, test = labelled.load(paths)
    recipe = Recipe(seed=1, images=images, batch_size=128, lr=2e-3)
    classifier = ImageClassifier(trained(dataset, recipe), saved.input_shape(1), CPU)
    accuracy = (classifier.predict(test.images) == test.labels).mean()
    print(f"{source}: {accuracy:.4f}")
    assert accuracy >= least
