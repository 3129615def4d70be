"""Stage `score`: MiFID of the zip's own bytes, outputs/metrics.json, and the nearest pairs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, files, npy, progress
from pipeline.common.errors import InputError
from pipeline.competitions.form import SubmissionFormat
from pipeline.competitions.registry import profile_of
from pipeline.data import held_out
from pipeline.data.dataset import Dataset, load_images
from pipeline.images import arrays
from pipeline.scoring import class_metrics, gallery
from pipeline.scoring import reference as real_side
from pipeline.scoring.classifier import saved, test_set
from pipeline.scoring.evaluate import Pair, ScoredImages, Value, evaluate
from pipeline.scoring.extractors import registry
from pipeline.submission import reader
from pipeline.submission.reader import DecodedImages

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.common.paths import Paths
    from pipeline.config import schema

SECTIONS = ("device", "competition", "reference", "score")


def run(
    paths: Paths,
    *,
    device: str,
    competition: str,
    reference: schema.Reference,
    score: schema.Score,
) -> None:
    """Score `paths.images_zip` into `paths.metrics`, `paths.nearest` and `paths.neighbours`.

    Raises:
        InputError: the zip is not valid, or the reference is missing or of another network.
    """
    progress.heading("score", f"{paths.images_zip.name} -> {paths.metrics.name}")
    decoded = reader.read_zip(paths.images_zip, _form(paths, competition))
    scored = _score(paths, decoded.images, device, competition, reference, score)
    asked = npy.load(paths.generated_labels, made_by="generate")
    metrics = scored.metrics | _of_classes(paths, decoded.images, asked, device, score)
    _write_pairs(paths, decoded, scored.pairs)
    files.write_json(paths.metrics, metrics)
    _sum_up(metrics)


def score_images(
    paths: Paths,
    images: Path,
    *,
    device: str,
    competition: str,
    reference: schema.Reference,
    score: schema.Score,
) -> None:
    """Print the metrics of any zip or folder of image files as JSON; writes no file.

    Raises:
        InputError: as `run`.
    """
    decoded = reader.read(images, _form(paths, competition))
    scored = _score(paths, decoded.images, device, competition, reference, score)
    asked = np.empty(0, np.str_)  # nobody knows what classes these are meant to be of
    metrics = scored.metrics | _of_classes(paths, decoded.images, asked, device, score)
    progress.say(json.dumps(metrics, indent=2, allow_nan=False))


def _form(paths: Paths, competition: str) -> SubmissionFormat:
    """Return the format of the competition's submissions."""
    return profile_of(competition).form(arrays.shape_of(load_images(paths.crops), str(paths.crops)))


def _score(
    paths: Paths,
    images: np.ndarray,
    device: str,
    competition: str,
    reference: schema.Reference,
    score: schema.Score,
) -> ScoredImages:
    """Score (N, side, side, channels) images against `paths.reference`."""
    where = devices.pick(device)
    real = real_side.load(paths.reference)
    side_px = images.shape[1]
    extractor = registry.build(
        reference,
        side_px=side_px,
        device=where.type,
        cache=paths.weights,
        classifier=paths.classifier,
    )
    real.require(extractor, pictures=reference.pictures, side_px=side_px)
    return evaluate(
        images,
        real,
        extractor,
        profile=profile_of(competition),
        threshold=score.threshold,
        epsilon=score.epsilon,
        neighbours=score.neighbours,
        nearest_count=score.nearest,
        device=devices.for_algebra(where),
    )


def _of_classes(
    paths: Paths, images: np.ndarray, asked: np.ndarray, device: str, score: schema.Score
) -> dict[str, Value]:
    """Return what the classifier says of (N, side, side, channels) images; nothing where none was
    trained.

    Args:
        asked: str (N,), the classes that they were asked to be of, or (0,).
    """
    where = devices.pick(device)
    classifier = saved.load(paths.classifier, where)
    if classifier is None:
        return {}
    dataset = Dataset.load(paths.crops, paths.index)
    if classifier.info.class_names != dataset.class_names:
        raise InputError(
            f"{paths.classifier}: tells other classes apart than {paths.index} has; run the "
            f"classify stage again"
        )
    train, test = test_set.split(dataset, held_out.load(paths.held_out, dataset))
    if len(asked) not in (0, len(images)):
        raise InputError(
            f"{paths.generated_labels}: {len(asked):,} labels, {paths.images_zip.name} holds "
            f"{len(images):,} images; run the generate stage again"
        )
    labels = class_metrics.labels_of(asked, dataset.class_names) if len(asked) else None
    metrics: dict[str, Value] = {
        **class_metrics.class_metrics(images, classifier, dataset=dataset, test=test, labels=labels)
    }
    if score.classification_accuracy and labels is None:
        progress.say("score.classification_accuracy: these images have no labels; left out")
    elif score.classification_accuracy:
        metrics |= class_metrics.classification_accuracy(
            images, labels, train=train, test=test, recipe=classifier.info.recipe, device=where
        )
    return metrics


def _write_pairs(paths: Paths, decoded: DecodedImages, pairs: list[Pair]) -> None:
    """Write the pairs as a picture, `paths.nearest`, and as a list, `paths.neighbours`."""
    crops = load_images(paths.crops)
    if any(pair.crop >= len(crops) for pair in pairs):
        raise InputError(
            f"{paths.crops.name} has changed since {paths.reference.name} was made: run the "
            f"reference stage again"
        )
    sheet = gallery.draw_pairs(
        generated=decoded.images[[pair.generated for pair in pairs]],
        real=crops[[pair.crop for pair in pairs]],
        distances=[pair.distance for pair in pairs],
    )
    with files.atomic(paths.nearest) as temporary:
        sheet.save(temporary, "png")
    listed = [{"name": decoded.names[pair.generated], **asdict(pair)} for pair in pairs]
    files.write_json(paths.neighbours, {"pairs": listed})


def _sum_up(metrics: dict) -> None:
    """Say the score, what held-out real images get, and what is suspicious."""
    if metrics["official"]:
        kind = "as Kaggle computes it"
    elif metrics["extractor"] == "inception":
        kind = (
            f"Inception, {metrics['extractor_precision']}, against {metrics['reference']}; not "
            "known to be Kaggle's number"
        )
    else:
        kind = "a proxy, not Kaggle's number"
    noise = f" ± {metrics['mifid_deviation']:.1g}" if "mifid_deviation" in metrics else ""
    progress.say(
        f"MiFID {metrics['mifid']:.2f}{noise} ({kind}); FID {metrics['fid']:.2f}, "
        f"d {metrics['memorization_distance']:.4f}; {metrics['floor_images']:,} unseen real "
        f"images get FID {metrics['floor_fid']:.2f}, "
        f"d {metrics['floor_memorization_distance']:.4f}"
    )
    if "class_chi2" in metrics:
        _sum_up_classes(metrics)
    if metrics["memorization_distance"] < metrics["threshold"]:
        progress.say(f"warning: d is below {metrics['threshold']:.4g}: the score is penalised")
    elif metrics["memorization_warning"]:
        progress.say("warning: d is as low as that of submissions disqualified for memorising")


def _sum_up_classes(metrics: dict) -> None:
    """Say what the classifier says of the samples, and of unseen real images."""
    said = f"classes: chi-squared {metrics['class_chi2']:.1f} (p {metrics['class_p']:.2g})"
    if "class_accuracy" in metrics:
        said += f", {metrics['class_accuracy']:.1%} are of the class asked for"
    if "classification_accuracy" in metrics:
        said += f", a classifier trained on them tells {metrics['classification_accuracy']:.1%}"
    said += (
        f"; unseen real images: {metrics['floor_class_chi2']:.1f}, "
        f"{metrics['floor_class_accuracy']:.1%}"
    )
    if "classification_accuracy" in metrics:
        said += f", {metrics['floor_classification_accuracy']:.1%}"
    progress.say(said)
