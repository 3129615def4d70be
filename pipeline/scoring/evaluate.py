"""Score one set of images against the reference, and find those closest to the training crops.

The metrics are those of `outputs/metrics.json`: flat, finite, without timings, so that the same
images give the same file.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.common.errors import InputError
from pipeline.competitions.profile import Profile
from pipeline.images import arrays
from pipeline.scoring import mifid, resampling
from pipeline.scoring.extractors.registry import Extractor
from pipeline.scoring.kid import kid
from pipeline.scoring.nearest import Nearest, nearest
from pipeline.scoring.precision_recall import diversity
from pipeline.scoring.reference import RealFeatures

# Kaggle penalised d below 0.1. Of the submissions disqualified for memorising, 446 of 495 lie
# below 0.15, and no honest one does: 1.5 thresholds, for any network.
WARNING_FACTOR = 1.5
Value = str | int | float | bool


@dataclass(frozen=True)
class Pair:
    """A generated image and the training crop that is nearest to it.

    Attributes:
        generated: row of the image.
        crop: row of the crop.
        distance: 1 - |cos| of their features, 0 to 1.
    """

    generated: int
    crop: int
    distance: float


@dataclass(frozen=True)
class ScoredImages:
    """The metrics of a set of images, and the pairs that come closest, the closest first."""

    metrics: dict[str, Value]
    pairs: list[Pair]


def evaluate(
    images: np.ndarray,
    reference: RealFeatures,
    extractor: Extractor,
    *,
    profile: Profile,
    threshold: float | None,
    epsilon: float,
    neighbours: int,
    nearest_count: int,
    device: str,
) -> ScoredImages:
    """Score images.

    Args:
        images: (N, side, side, channels) uint8: what was read from the submission's own bytes.
        profile: of the competition: whether the score is the organisers'.
        threshold: d below it is penalised; None takes the network's own.
        epsilon: of MiFID's division.
        neighbours: k of precision, recall, density and coverage.
        nearest_count: how many pairs to return.

    Raises:
        InputError: too few images, features that are not finite, or a division by 0 (see
            `mifid.mifid`).
    """
    if len(images) <= neighbours:
        raise InputError(
            f"{len(images)} images are too few to score: score.neighbours = {neighbours} "
            f"needs at least {neighbours + 1}"
        )
    threshold = extractor.memorization_threshold if threshold is None else threshold
    features = extractor.features(images)
    fid = mifid.fid(generated=mifid.statistics(features), real=reference.statistics)

    def find(real_features: np.ndarray) -> Nearest:
        return nearest(generated_features=features, real_features=real_features, device=device)

    distances = find(reference.features).distances
    distance = float(distances.mean())
    noise = resampling.deviation(
        features, distances, reference.statistics, threshold=threshold, epsilon=epsilon
    )
    crops = find(reference.crop_features)
    spread = diversity(
        generated_features=features,
        real_features=reference.features,
        neighbours=neighbours,
        device=device,
    )
    repeated = arrays.duplicates(images)
    metrics: dict[str, Value] = {
        "mifid": mifid.mifid(
            fid=fid, memorization_distance=distance, threshold=threshold, epsilon=epsilon
        ),
        "fid": fid,
        "kid": kid(generated_features=features, real_features=reference.features),
        "memorization_distance": distance,
        "memorization_warning": distance < WARNING_FACTOR * threshold,
        "memorization_distance_crops": float(crops.distances.mean()),
    }
    if noise is not None:
        metrics |= {"mifid_deviation": noise.mifid, "fid_deviation": noise.fid}
    if len(reference.flipped_features):
        metrics["memorization_distance_flips"] = float(
            find(reference.flipped_features).distances.mean()
        )
    if len(reference.part_features):
        metrics["memorization_distance_parts"] = float(
            find(reference.part_features).distances.mean()
        )
    metrics |= {
        "precision": spread.precision,
        "recall": spread.recall,
        "density": spread.density,
        "coverage": spread.coverage,
        "duplicates": repeated,
        "duplicates_share": repeated / len(images),
        "images": len(images),
        "threshold": threshold,
        "floor_fid": reference.held_out_fid,
        "floor_kid": reference.held_out_kid,
        "floor_memorization_distance": reference.held_out_memorization_distance,
        "floor_images": reference.held_out_images,
        "extractor": reference.extractor,
        "extractor_sha256": reference.identity,
        "extractor_precision": reference.precision,
        "reference": reference.pictures,
        "reference_images": len(reference.features),
        "protocol": _protocol(profile, reference, extractor),
        "official": profile.is_official(
            network=reference.extractor,
            precision=reference.precision,
            pictures=reference.pictures,
        ),
        "torch": torch.__version__,
    }
    return ScoredImages(metrics, _closest(crops, nearest_count))


def _protocol(profile: Profile, reference: RealFeatures, extractor: Extractor) -> str:
    """Return in words of whose competition, from which side, against what and by which network."""
    taken = extractor.input_shape.side_px
    shrunk = "" if taken == reference.side_px else f", resized to {taken} px with antialiasing"
    return (
        f"{profile.name}: {reference.side_px} px{shrunk}, against {reference.pictures}, by "
        f"{reference.extractor}"
    )


def _closest(found: Nearest, count: int) -> list[Pair]:
    """Return the `count` pairs of the smallest distance; of equals the lower row comes first."""
    order = np.lexsort((found.rows, found.distances))[:count]
    return [
        Pair(int(found.rows[i]), int(found.neighbours[i]), float(found.distances[i])) for i in order
    ]
