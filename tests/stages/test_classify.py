"""The stage `classify`, and what the reference and the score make of its classifier."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.common import npy
from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import schema
from pipeline.images.shape import ImageShape
from pipeline.stages import classify, package, reference, score
from tests import factories, labelled

ASKED = factories.tiny(
    **{"classifier.train": True, "classifier.images": 4000, "classifier.batch_size": 64},
    competition="none",
    reference__extractor="classifier",
    reference__pictures="crops",
    reference__flips=False,
)
HERE = {"device": "cpu", "competition": "none"}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The digits, their classifier and its reference."""
    paths = labelled.digits(tmp_path_factory.mktemp("digits"))
    classify.run(paths, device="cpu", classifier=ASKED.classifier)
    reference.run(paths, **HERE, reference=ASKED.reference)
    return paths


def scored(
    paths: Paths, root: Path, images: np.ndarray, labels: np.ndarray, **changes: object
) -> dict[str, float]:
    """The metrics of samples with these labels, (0,) for none."""
    run = Paths(root)
    for file in (paths.crops, paths.index, paths.held_out, paths.classifier, paths.reference):
        own = root / "data" / file.name
        own.parent.mkdir(exist_ok=True)
        if not own.exists():
            own.symlink_to(file)
    npy.write(run.generated, images)
    npy.write(run.generated_labels, labels)
    package.run(run, competition="none")
    settings = ASKED.score.model_copy(update={"neighbours": 3, **changes})
    score.run(run, **HERE, reference=ASKED.reference, score=settings)
    return json.loads(run.metrics.read_text())


def test_what_it_says_of_itself(digits: Paths) -> None:
    said = json.loads(digits.classifier_json.read_text())
    assert said["trained"] is True and said["test_accuracy"] > 0.9
    assert (said["test_images"], said["train_images"], said["classes"]) == (297, 1500, 10)
    assert 0 < said["memorization_threshold"] < 0.1


def test_the_training_images_themselves(digits: Paths, tmp_path: Path) -> None:
    dataset, _ = labelled.load(digits)
    names = np.array(dataset.class_names)[dataset.labels]
    found = scored(digits, tmp_path, dataset.images, names)
    # The same images on both sides: their Fréchet classifier distance is 0, and they are copies.
    assert found["fid"] == 0 and found["memorization_distance"] < 1e-6
    assert found["extractor"] == "classifier" and found["official"] is False
    assert found["class_accuracy"] > 0.95 and found["class_p"] > 0.9
    assert sum(found[f"class_share_{name}"] for name in dataset.class_names) == pytest.approx(1)
    said = json.loads(digits.classifier_json.read_text())
    assert found["floor_class_accuracy"] == said["test_accuracy"]
    assert found["threshold"] == said["memorization_threshold"]
    assert found["floor_images"] == 297 and found["floor_fid"] > 0


def test_a_model_that_left_out_half_of_the_classes(digits: Paths, tmp_path: Path) -> None:
    dataset, _ = labelled.load(digits)
    some = dataset.labels < 5
    found = scored(digits, tmp_path, dataset.images[some], np.empty(0, np.str_))
    assert found["class_p"] < 1e-6 < found["floor_class_p"]
    assert found["class_share_9"] < 0.01 and found["fid"] > found["floor_fid"]
    assert "class_accuracy" not in found


def test_labels_that_were_mixed_up(digits: Paths, tmp_path: Path) -> None:
    dataset, _ = labelled.load(digits)
    names = np.array(dataset.class_names)[(dataset.labels + 1) % 10]
    assert scored(digits, tmp_path, dataset.images, names)["class_accuracy"] < 0.05


def test_the_classification_accuracy_score_is_switched_on(digits: Paths, tmp_path: Path) -> None:
    dataset, _ = labelled.load(digits)
    names = np.array(dataset.class_names)[dataset.labels]
    found = scored(digits, tmp_path, dataset.images, names, classification_accuracy=True)
    # The samples are all of the real images: one training, twice.
    assert found["classification_accuracy"] == found["floor_classification_accuracy"] > 0.9


def test_unlabelled_samples_have_no_classification_accuracy(
    digits: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, _ = labelled.load(digits)
    nothing = np.empty(0, np.str_)
    found = scored(digits, tmp_path, dataset.images[:50], nothing, classification_accuracy=True)
    assert "classification_accuracy" not in found
    assert "these images have no labels; left out" in capsys.readouterr().out


def test_labels_of_other_samples_are_one_line(digits: Paths, tmp_path: Path) -> None:
    dataset, _ = labelled.load(digits)
    with pytest.raises(InputError, match=r"49 labels, images\.zip holds 50 images"):
        scored(digits, tmp_path, dataset.images[:50], np.array(["1"] * 49))


def test_another_data_sets_classifier_is_refused(digits: Paths, tmp_path: Path) -> None:
    dataset, _ = labelled.load(digits)
    index = tmp_path / "data" / "index.csv"
    factories.write_index(index, ["odd" if label % 2 else "even" for label in dataset.labels])
    with pytest.raises(InputError, match="tells other classes apart"):
        scored(digits, tmp_path, dataset.images[:50], np.empty(0, np.str_))


# --- not asked for ------------------------------------------------------------------------------


def unasked(**changes: object) -> schema.Classifier:
    return factories.tiny(**changes).classifier


def test_nothing_is_trained_where_nothing_asks_for_it(tmp_path: Path) -> None:
    paths = Paths(tmp_path)  # no data is read
    classify.run(paths, device="cpu", classifier=unasked())
    assert paths.classifier.read_bytes() == b""
    assert json.loads(paths.classifier_json.read_text()) == {"trained": False}
    dog = factories.workplace(tmp_path, 30, 64)
    factories.without_classes(dog, ImageShape(64, 3))
    with pytest.raises(InputError, match=r"holds none; set classifier\.train to true"):
        reference.run(dog, **HERE, reference=ASKED.reference)


def test_data_without_classes_is_one_line(tmp_path: Path) -> None:
    paths = factories.workplace(tmp_path, 30, 32)
    factories.without_classes(paths, ImageShape(32, 3))
    with pytest.raises(InputError, match="all crops are of one class") as told:
        classify.run(paths, device="cpu", classifier=ASKED.classifier)
    assert "\n" not in str(told.value)
    assert paths.classifier.read_bytes() == b""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reference.extractor": "classifier"}, "reference.extractor: classifier needs a classif"),
        ({"score.classification_accuracy": True}, "score.classification_accuracy: true needs a c"),
    ],
)
def test_what_needs_a_classifier_says_so(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=f"{words}.*set classifier.train to true") as told:
        factories.tiny(**change)
    assert "\n" not in str(told.value)
