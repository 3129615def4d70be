"""Every kind of corruption, and images made of principal components."""

import numpy as np
import pytest

from research.distillation import corruptions, geometry
from research.distillation.principal_components import random_images
from tests import factories

ALL_KINDS = [
    *corruptions.CORRUPTIONS,
    *corruptions.DEFORMATIONS,
    *corruptions.DISTORTIONS,
    *corruptions.RETOUCHES,
    *corruptions.UNSEEN_CORRUPTIONS,
]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_corruptions_keep_the_shape_and_repeat(smooth: np.ndarray, kind: str) -> None:
    def corrupted(strength: float | None) -> np.ndarray:
        return corruptions.corrupt(smooth, kind, strength, np.random.default_rng(3))

    for strength in (0.0, 0.5, 1.0, None):
        images = corrupted(strength)
        assert images.shape == smooth.shape
        assert images.dtype == np.uint8
        assert np.array_equal(images, corrupted(strength))
    assert not np.array_equal(corrupted(0.7), smooth)


@pytest.mark.parametrize(
    "kind",
    [
        "blur",
        "noise",
        "jpeg",
        "checkerboard",
        "posterise",
        "warp",
        "jumble",
        "frost",
        "smear",
        "mirror_half",
        "palette",
        "dither",
        "tint",
        "emboss",
        "vignette",
    ],
)
def test_more_strength_changes_more(smooth: np.ndarray, kind: str) -> None:
    changes = []
    for strength in (0.0, 0.5, 1.0):
        images = corruptions.corrupt(smooth, kind, strength, np.random.default_rng(3))
        changes.append(np.abs(images.astype(float) - smooth).mean())
    assert changes == sorted(changes)


def test_jumbled_tiles_are_all_still_there(smooth: np.ndarray) -> None:
    jumbled = geometry.jumble(smooth[0], 1.0, np.random.default_rng(1))
    assert not np.array_equal(jumbled, smooth[0])
    for channel in range(3):
        assert np.array_equal(
            np.sort(jumbled[..., channel], None), np.sort(smooth[0, ..., channel], None)
        )


def test_a_lens_moves_what_is_near_it_and_leaves_the_rest() -> None:
    """Written from the definition: each pixel is taken from where the displacement points."""
    image = np.arange(64, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2) * 3
    by = np.zeros((2, 64, 64))
    by[1, :, 20:30] = 5
    moved = geometry._displaced(image, by)
    assert np.array_equal(moved[:, 20:30], image[:, 25:35])
    assert np.array_equal(moved[:, :20], image[:, :20])
    assert np.array_equal(moved[:, 30:], image[:, 30:])


def test_random_images_are_smoother_than_photos_and_none_of_them() -> None:
    photos = factories.images(500, 64, knots=16)
    made = random_images(photos, 20, np.random.default_rng(1))
    assert made.shape == (20, 64, 64, 3)
    assert made.dtype == np.uint8
    assert np.array_equal(made, random_images(photos, 20, np.random.default_rng(1)))
    far = np.abs(made[:, None].astype(np.int16) - photos[None, :100]).mean((2, 3, 4))
    assert far.min() > 10  # of 255

    def roughness(images: np.ndarray) -> float:
        return float(np.abs(np.diff(images.astype(float), axis=2)).mean())

    assert roughness(made) < roughness(photos)
