"""Stage `reference`: the real images' features and statistics, data/reference.npz."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, progress
from pipeline.competitions.registry import profile_of
from pipeline.data import held_out
from pipeline.data.cropping import whole_photos
from pipeline.data.dataset import load_images
from pipeline.images import arrays
from pipeline.scoring import mifid
from pipeline.scoring import reference as real_side
from pipeline.scoring.extractors import registry

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config import schema

SECTIONS = ("device", "competition", "reference")


def run(paths: Paths, *, device: str, competition: str, reference: schema.Reference) -> None:
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
    crops = load_images(paths.crops)
    form = profile_of(competition).form(arrays.shape_of(crops, str(paths.crops)))
    side_px = form.shape.side_px
    extractor = registry.build(
        reference,
        side_px=side_px,
        device=where.type,
        cache=paths.weights,
        classifier=paths.classifier,
    )
    crop_features = _features(extractor, crops, "crops")
    if reference.flips:
        flipped_features = _features(extractor, crops[:, :, ::-1], "mirrored crops")
    else:
        flipped_features = crop_features[:0]
    part_features = crop_features[:0]
    if reference.parts:
        part_features = np.concatenate(
            [
                _features(extractor, arrays.part(crops, corner), f"crops' {corner}")
                for corner in arrays.PARTS
            ]
        )
    if reference.pictures == "photos":
        images, names = whole_photos.squashed_photos(paths.raw, side_px=side_px)
        features = _features(extractor, images, "photos")
    else:
        names = [f"crop {row}" for row in range(len(crops))]
        features = crop_features
    statistics = mifid.statistics(features)
    test_images = held_out.load_images(paths.held_out)
    unseen = real_side.held_out_score(
        features,
        _features(extractor, test_images, "test images") if len(test_images) else features[:0],
        held_out=reference.held_out,
        device=devices.for_algebra(where),
    )
    real_side.save(
        paths.reference,
        real_side.RealFeatures(
            extractor=extractor.name,
            identity=extractor.identity,
            precision=extractor.precision,
            pictures=reference.pictures,
            side_px=side_px,
            names=np.array(names),
            features=features,
            mean=statistics.mean,
            covariance=statistics.covariance,
            crop_features=crop_features,
            flipped_features=flipped_features,
            part_features=part_features,
            held_out_fid=unseen.fid,
            held_out_kid=unseen.kid,
            held_out_memorization_distance=unseen.memorization_distance,
            held_out_images=unseen.images,
        ),
    )
    progress.say(
        f"{len(features):,} {reference.pictures}; {unseen.images:,} held out get FID "
        f"{unseen.fid:.2f}, d {unseen.memorization_distance:.4f} "
        f"(penalised below {extractor.memorization_threshold:.4g})"
    )


def _features(extractor: registry.Extractor, images: np.ndarray, what: str) -> np.ndarray:
    """Return the features of (N, side, side, channels) images, and say how long they took."""
    with progress.timed() as seconds:
        features = extractor.features(images)
    mifid.require_finite(features)
    progress.say(f"{len(images):,} {what} in {seconds():.1f} s")
    return features
