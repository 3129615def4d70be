"""Stage `classify`: train a classifier of the labelled data where one is asked for,
data/classifier.pt, and test it, outputs/classifier.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.common import files, progress

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config import schema

SECTIONS = ("device", "classifier")


def run(paths: Paths, *, device: str, classifier: schema.Classifier) -> None:
    """Write `paths.classifier` and `paths.classifier_json`; an empty file where no classifier is
    asked for.

    Raises:
        InputError: the data has no classes, too few images, or a test set of other ones.
    """
    if classifier.train:
        _train(paths, device, classifier)
        return
    progress.heading("classify", "no classifier is asked for (classifier.train)")
    files.write_bytes(paths.classifier, b"")
    files.write_json(paths.classifier_json, {"trained": False})


def _train(paths: Paths, device: str, settings: schema.Classifier) -> None:
    # Late: most runs ask for none, and then this stage waits for no torch.
    from pipeline.common import devices
    from pipeline.data import held_out
    from pipeline.data.dataset import Dataset
    from pipeline.scoring.classifier import saved, test_set, training
    from pipeline.scoring.threshold import memorization_threshold

    where = devices.pick(device)
    dataset = Dataset.load(paths.crops, paths.index)
    test_set.require_classes(dataset)
    train, test = test_set.split(dataset, held_out.load(paths.held_out, dataset))
    progress.heading(
        "classify",
        f"{len(train):,} images of {len(dataset.class_names)} classes -> {paths.classifier.name}",
    )
    recipe = training.Recipe(**settings.model_dump(exclude={"train"}))
    with progress.timed() as seconds:
        network = training.train(
            train.images,
            train.labels,
            classes=len(dataset.class_names),
            recipe=recipe,
            device=where,
        )
    shape = saved.input_shape(dataset.shape.channels)
    classifier = saved.ImageClassifier(network, shape, where)
    accuracy = float((classifier.predict(test.images) == test.labels).mean())
    info = saved.ClassifierInfo(
        class_names=dataset.class_names,
        channels=dataset.shape.channels,
        recipe=recipe,
        test_accuracy=accuracy,
        test_images=len(test),
        memorization_threshold=memorization_threshold(
            unseen_features=classifier.features(test.images),
            seen_features=classifier.features(train.images),
            device=devices.for_algebra(where),
        ),
    )
    saved.save(paths.classifier, network.state_dict(), info)
    files.write_json(
        paths.classifier_json,
        {
            "trained": True,
            "test_accuracy": accuracy,
            "test_images": len(test),
            "train_images": len(train),
            "classes": len(dataset.class_names),
            "memorization_threshold": info.memorization_threshold,
        },
    )
    progress.say(
        f"{accuracy:.2%} of {len(test):,} test images told right, trained in {seconds():.1f} s; "
        f"d is penalised below {info.memorization_threshold:.4g}"
    )
