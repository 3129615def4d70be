"""Stage `reference`: the real images' features and statistics, data/reference.npz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, progress
from pipeline.data.cropping import whole_photos
from pipeline.data.dataset import load_images
from pipeline.scoring import mifid
from pipeline.scoring import reference as real_side
from pipeline.scoring.extractors import registry

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config import schema

SECTIONS = ("device", "reference")


def run(paths: Paths, *, device: str, reference: schema.Reference) -> None:
    """Write `paths.reference`.

    Raises:
        InputError: photos or crops are missing, or too few.
        PipelineError: the network's weights cannot be fetched.
    """
    progress.heading(
        "reference",
        f"{reference.pictures} through {reference.extractor} -> {paths.reference.name}",
    )
    where = devices.pick(device)
    extractor = registry.build(reference, device=where.type, cache=paths.weights)
    crops = load_images(paths.crops)
    crop_features = _features(extractor, crops, "crops")
    if reference.flips:
        flipped_features = _features(extractor, crops[:, :, ::-1], "mirrored crops")
    else:
        flipped_features = np.empty((0, extractor.dimensions), np.float32)
    if reference.pictures == "photos":
        images, names = whole_photos.squashed_photos(
            paths.raw, side_px=extractor.input_shape.side_px
        )
        features = _features(extractor, images, "photos")
    else:
        names = [f"crop {row}" for row in range(len(crops))]
        features = crop_features
    statistics = mifid.statistics(features)
    held_out = real_side.held_out_score(
        features, held_out=reference.held_out, device=devices.for_algebra(where)
    )
    real_side.save(
        paths.reference,
        real_side.RealFeatures(
            extractor=extractor.name,
            identity=extractor.identity,
            precision=extractor.precision,
            pictures=reference.pictures,
            names=np.array(names),
            features=features,
            mean=statistics.mean,
            covariance=statistics.covariance,
            crop_features=crop_features,
            flipped_features=flipped_features,
            held_out_fid=held_out.fid,
            held_out_memorization_distance=held_out.memorization_distance,
            held_out_images=held_out.images,
        ),
    )
    progress.say(
        f"{len(features):,} {reference.pictures}; {held_out.images:,} of them, held out, get FID "
        f"{held_out.fid:.2f}, d {held_out.memorization_distance:.4f} "
        f"(penalised below {extractor.memorization_threshold:.4g})"
    )


def _features(extractor: registry.Extractor, images: np.ndarray, what: str) -> np.ndarray:
    """Return the features of (N, side, side, channels) images, and say how long they took."""
    with progress.timed() as seconds:
        features = extractor.features(images)
    mifid.require_finite(features)
    progress.say(f"{len(images):,} {what} in {seconds():.1f} s")
    return features
