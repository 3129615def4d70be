"""Stage `score`: MiFID of the zip's own bytes, outputs/metrics.json, and the nearest pairs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, files, progress
from pipeline.common.errors import InputError
from pipeline.data.dataset import load_images
from pipeline.scoring import gallery
from pipeline.scoring import reference as real_side
from pipeline.scoring.evaluate import Pair, ScoredImages, evaluate
from pipeline.scoring.extractors import registry
from pipeline.submission import reader
from pipeline.submission.formats import GENERATIVE_DOG_IMAGES
from pipeline.submission.reader import DecodedImages

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
    decoded = reader.read_zip(paths.images_zip, GENERATIVE_DOG_IMAGES)
    scored = _score(paths, decoded.images, device, reference, score)
    _write_pairs(paths, decoded, scored.pairs)
    files.write_json(paths.metrics, scored.metrics)
    _sum_up(scored.metrics)


def score_images(
    paths: Paths, images: Path, *, device: str, reference: schema.Reference, score: schema.Score
) -> None:
    """Print the metrics of any zip or folder of PNG files as JSON; writes no file.

    Raises:
        InputError: as `run`.
    """
    decoded = reader.read(images, GENERATIVE_DOG_IMAGES)
    scored = _score(paths, decoded.images, device, reference, score)
    print(json.dumps(scored.metrics, indent=2, allow_nan=False))


def _score(
    paths: Paths,
    images: np.ndarray,
    device: str,
    reference: schema.Reference,
    score: schema.Score,
) -> ScoredImages:
    """Score (N, side, side, channels) images against `paths.reference`."""
    where = devices.pick(device)
    real = real_side.load(paths.reference)
    extractor = registry.build(reference, device=where.type, cache=paths.weights)
    real.require(extractor, pictures=reference.pictures)
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
        kind = f"Kaggle's network, {metrics['extractor_precision']}, against {metrics['reference']}"
    else:
        kind = "a proxy, not Kaggle's number"
    progress.say(
        f"MiFID {metrics['mifid']:.2f} ({kind}); FID {metrics['fid']:.2f}, "
        f"d {metrics['memorization_distance']:.4f}; {metrics['floor_images']:,} unseen real "
        f"images get FID {metrics['floor_fid']:.2f}, "
        f"d {metrics['floor_memorization_distance']:.4f}"
    )
    if metrics["memorization_distance"] < metrics["threshold"]:
        progress.say(f"warning: d is below {metrics['threshold']:.4g}: the score is penalised")
    elif metrics["memorization_warning"]:
        progress.say("warning: d is as low as that of submissions disqualified for memorising")
