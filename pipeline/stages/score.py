"""Stage `score`: MiFID of the zip's own bytes, outputs/metrics.json, and the nearest pairs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, files, progress
from pipeline.common.errors import InputError
from pipeline.scoring import gallery
from pipeline.scoring import reference as scoring_reference
from pipeline.scoring.evaluate import Evaluation, Pair, evaluate
from pipeline.scoring.extractors import registry
from pipeline.submission import images_zip

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.common.paths import Paths
    from pipeline.config import schema

SECTIONS = ("device", "reference", "score")


def run(paths: Paths, *, device: str, reference: schema.Reference, score: schema.Score) -> None:
    """Score `paths.images_zip` into `paths.metrics`, `paths.nearest` and `paths.neighbours`.

    Raises:
        InputError: the zip is not valid, or the reference is missing or of another network.
    """
    progress.heading("score", f"{paths.images_zip.name} -> {paths.metrics.name}")
    pictures = images_zip.read_zip(paths.images_zip, count=None)
    found = _evaluate(paths, pictures.images, device, reference, score)
    _write_pairs(paths, pictures, found.pairs)
    files.write_json(paths.metrics, found.metrics)
    _sum_up(found.metrics)


def score_images(
    paths: Paths, images: Path, *, device: str, reference: schema.Reference, score: schema.Score
) -> None:
    """Print the metrics of any zip or folder of PNG files as JSON; writes no file.

    Raises:
        InputError: as `run`.
    """
    pictures = images_zip.read(images)
    found = _evaluate(paths, pictures.images, device, reference, score)
    print(json.dumps(found.metrics, indent=2, allow_nan=False))


def _evaluate(
    paths: Paths,
    images: np.ndarray,
    device: str,
    reference: schema.Reference,
    score: schema.Score,
) -> Evaluation:
    where = devices.pick(device)
    real = scoring_reference.load(paths.reference)
    extractor = registry.chosen(reference, where, paths.weights)
    real.require(extractor, pictures=reference.pictures, precision=reference.precision)
    return evaluate(
        images,
        real,
        extractor,
        threshold=score.threshold,
        epsilon=score.epsilon,
        neighbours=score.neighbours,
        nearest_count=score.nearest,
        device=devices.for_algebra(where),
    )


def _write_pairs(paths: Paths, pictures: images_zip.Pictures, pairs: list[Pair]) -> None:
    if not paths.crops.is_file():
        raise InputError(f"{paths.crops}: not there; run the crop stage first")
    crops = np.load(paths.crops, mmap_mode="r", allow_pickle=False)
    if any(pair.crop >= len(crops) for pair in pairs):
        raise InputError(
            f"{paths.crops.name} has changed since {paths.reference.name} was made: run the "
            f"reference stage again"
        )
    sheet = gallery.draw_pairs(
        generated=pictures.images[[pair.generated for pair in pairs]],
        real=crops[[pair.crop for pair in pairs]],
        distances=[pair.distance for pair in pairs],
    )
    with files.atomic(paths.nearest) as temporary:
        sheet.save(temporary, "png")
    listed = [{"name": pictures.names[pair.generated], **asdict(pair)} for pair in pairs]
    files.write_json(paths.neighbours, {"pairs": listed})


def _sum_up(metrics: dict) -> None:
    if metrics["official"]:
        kind = "as Kaggle computes it"
    elif metrics["extractor"] == "inception":
        kind = f"Kaggle's network, {metrics['extractor_precision']}, against {metrics['reference']}"
    else:
        kind = "a proxy, not Kaggle's number"
    progress.say(
        f"MiFID {metrics['mifid']:.2f} ({kind}); FID {metrics['fid']:.2f}, "
        f"d {metrics['memorization_distance']:.4f}; {metrics['floor_images']:,} unseen real "
        f"pictures get FID {metrics['floor_fid']:.2f}, "
        f"d {metrics['floor_memorization_distance']:.4f}"
    )
    if metrics["memorization_distance"] < metrics["threshold"]:
        progress.say(f"warning: d is below {metrics['threshold']:.4g}: the score is penalised")
    elif metrics["memorization_warning"]:
        progress.say("warning: d is as low as that of submissions disqualified for memorising")
