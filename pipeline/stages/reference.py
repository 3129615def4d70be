"""Stage `reference`: the real pictures' features, statistics and floor, data/reference.npz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, progress
from pipeline.common.errors import InputError
from pipeline.data.cropping import photos
from pipeline.scoring import mifid
from pipeline.scoring import reference as scoring_reference
from pipeline.scoring.extractors import registry
from pipeline.submission import images_zip

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config import schema

SECTIONS = ("device", "reference")


def run(paths: Paths, *, device: str, reference: schema.Reference) -> None:
    """Write `paths.reference`.

    Raises:
        InputError: photos or crops are missing, or too few.
        PipelineError: the network's weights cannot be had.
    """
    progress.heading(
        "reference",
        f"{reference.pictures} through {reference.extractor} -> {paths.reference.name}",
    )
    where = devices.pick(device)
    extractor = registry.chosen(reference, where, paths.weights)
    crops = _crops(paths)
    crop_features = _features(extractor, crops, "crops")
    if reference.flips:
        flipped_features = _features(extractor, crops[:, :, ::-1], "mirrored crops")
    else:
        flipped_features = np.empty((0, extractor.dimensions), np.float32)
    if reference.pictures == "photos":
        pictures, names = photos.squashed_photos(paths.raw, side_px=images_zip.SIDE_PX)
        features = _features(extractor, pictures, "photos")
    else:
        names = [f"crop {row}" for row in range(len(crops))]
        features = crop_features
    statistics = mifid.statistics(features)
    floor = scoring_reference.floor(
        features, held_out=reference.held_out, device=devices.for_algebra(where)
    )
    scoring_reference.save(
        paths.reference,
        scoring_reference.Reference(
            extractor=extractor.name,
            identity=extractor.identity,
            precision=reference.precision,
            pictures=reference.pictures,
            names=np.array(names),
            features=features,
            mean=statistics.mean,
            covariance=statistics.covariance,
            crop_features=crop_features,
            flipped_features=flipped_features,
            floor_fid=floor.fid,
            floor_memorization_distance=floor.memorization_distance,
            floor_images=floor.images,
        ),
    )
    progress.say(
        f"{len(features):,} {reference.pictures}; floor ({floor.images:,} held out): "
        f"FID {floor.fid:.2f}, d {floor.memorization_distance:.4f} "
        f"(penalised below {extractor.memorization_threshold:.4g})"
    )


def _crops(paths: Paths) -> np.ndarray:
    """The training crops at the submission's side."""
    if not paths.crops.is_file():
        raise InputError(f"{paths.crops}: not there; run the crop stage first")
    return images_zip.to_side(np.load(paths.crops, mmap_mode="r", allow_pickle=False))


def _features(extractor: registry.Extractor, images: np.ndarray, what: str) -> np.ndarray:
    with progress.timed() as seconds:
        features = extractor.features(images)
    mifid.require_finite(features)
    progress.say(f"{len(images):,} {what} in {seconds():.1f} s")
    return features
