"""The real side of the score, kept in one file: features, statistics, and a score of their own."""

from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.scoring import mifid
from pipeline.scoring.extractors.registry import Extractor
from pipeline.scoring.kid import kid
from pipeline.scoring.mifid import Statistics


@dataclass(frozen=True)
class RealFeatures:
    """What `score` compares with, as `data/reference.npz` holds it.

    Attributes:
        extractor, identity, precision: the network that made the features, as in `Extractor`.
        pictures: photos | crops, which real images.
        side_px: side of the submission's images, to which photos are squashed.
        names: (M,) the photo's file, or the crop's row, of each feature row.
        features: (M, D) float32 of these images.
        mean, covariance: (D,), (D, D) float64 of them.
        crop_features: (C, D) float32 of the crops that the GAN trains on, in their order.
        flipped_features: (C, D) float32 of the mirrored crops; (0, D) where left out.
        part_features: (5 C, D) float32 of parts of the crops; (0, D) where left out.
        held_out_fid, held_out_kid, held_out_memorization_distance, held_out_images: see
            `HeldOutScore`.
    """

    extractor: str
    identity: str
    precision: str
    pictures: str
    side_px: int
    names: np.ndarray
    features: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    crop_features: np.ndarray
    flipped_features: np.ndarray
    part_features: np.ndarray
    held_out_fid: float
    held_out_kid: float
    held_out_memorization_distance: float
    held_out_images: int

    @property
    def statistics(self) -> Statistics:
        """Mean and covariance as `mifid.fid` takes them."""
        return Statistics(self.mean, self.covariance)

    def require(self, extractor: Extractor, *, pictures: str, side_px: int) -> None:
        """Raise InputError where these are not the features of such images by this network."""
        asked = (extractor.name, extractor.identity, extractor.precision, pictures, side_px)
        held = (self.extractor, self.identity, self.precision, self.pictures, self.side_px)
        if asked != held:
            raise InputError(
                f"data/reference.npz holds {self.pictures} of {self.side_px} px through "
                f"{self.extractor} ({self.precision}, {self.identity[:8]}), asked for are "
                f"{pictures} of {side_px} px through {extractor.name} ({extractor.precision}, "
                f"{extractor.identity[:8]}): run the reference stage again"
            )


def save(path: Path, reference: RealFeatures) -> None:
    """Write it as .npz, whole or not at all; not compressed, since features hardly shrink."""
    arrays = {field.name: getattr(reference, field.name) for field in fields(RealFeatures)}
    with files.atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load(path: Path) -> RealFeatures:
    """Read what `save` wrote.

    Raises:
        InputError: it is not there, damaged, or of another version of this program.
    """
    if not path.is_file():
        raise InputError(f"{path}: not there; run the reference stage first")
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {field.name: archive[field.name] for field in fields(RealFeatures)}
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{path}: not a whole reference ({error}); run the reference stage again"
        ) from None
    for name, value in content.items():
        if value.ndim == 0:
            content[name] = value.item()
    return RealFeatures(**content)


@dataclass(frozen=True)
class HeldOutScore:
    """Scores of real images that no generator saw, against real ones that it may have seen.

    Attributes:
        fid: 0 or more.
        kid: about 0.
        memorization_distance: d, 0 to 1.
        images: how many were held out.
    """

    fid: float
    kid: float
    memorization_distance: float
    images: int


def held_out_score(
    features: np.ndarray, test_features: np.ndarray, *, held_out: int, device: str
) -> HeldOutScore:
    """Score unseen real images against the real side, as if a generator had made them.

    No generator can be expected to do better with as many images. FID falls with the number of
    images on either side, so this one is close to the best of a submission when `held_out` is close
    to its count. The data's own test set is held out or, where it has none, some of the real side,
    which is then scored against all the others.

    Args:
        features: (M, D) of the real side.
        test_features: (T, D) of the data's test set, T maybe 0.
        held_out: how many; at most half of the real side are taken, a fixed random choice.

    Raises:
        InputError: fewer than 4 real images, or fewer than 2 test images.
    """
    if len(test_features):
        return _score(_chosen(test_features, held_out)[0], features, device)
    if len(features) < 4:
        raise InputError(f"the reference has {len(features)} images; it needs 4 at least")
    return _score(*_chosen(features, min(held_out, len(features) // 2)), device)


def _chosen(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a fixed random choice of `count` rows, and the others."""
    shuffled = np.random.default_rng(0).permutation(len(features))
    # In order within each part: nothing but the choice is random.
    return features[np.sort(shuffled[:count])], features[np.sort(shuffled[count:])]


def _score(unseen: np.ndarray, seen: np.ndarray, device: str) -> HeldOutScore:
    return HeldOutScore(
        fid=mifid.fid(generated=mifid.statistics(unseen), real=mifid.statistics(seen)),
        kid=kid(generated_features=unseen, real_features=seen),
        memorization_distance=mifid.memorization_distance(
            generated_features=unseen, real_features=seen, device=device
        ),
        images=len(unseen),
    )
