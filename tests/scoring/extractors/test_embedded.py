"""The embedded network: its protocol, its weights file, and which way its score goes."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pipeline.common.errors import PipelineError
from pipeline.data.drawn import archives
from pipeline.scoring import mifid
from pipeline.scoring.extractors import embedded
from research.distillation import evaluation
from research.distillation.corruptions import corrupt
from research.distillation.data import read_dogs, rng_for
from research.distillation.teacher import Teacher
from tests import factories

MAX_BYTES = 4_000_000


@pytest.fixture(scope="module")
def network() -> embedded.Embedded:
    return embedded.load()


@pytest.fixture(scope="module")
def dogs(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """160 drawn photos, shuffled over the breeds: (160, 64, 64, 3) uint8."""
    folder = tmp_path_factory.mktemp("drawn")
    archives.write(folder, pictures=160, seed=7, processes=1)
    photos, _ = read_dogs(folder)
    return photos.images[np.random.default_rng(0).permutation(160)]


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return factories.noise(130, 64, seed=1)


def fid(network: embedded.Embedded, generated: np.ndarray, real: np.ndarray) -> float:
    return mifid.fid(
        generated=mifid.statistics(network.features(generated)),
        real=mifid.statistics(network.features(real)),
    )


def distance(network: embedded.Embedded, generated: np.ndarray, real: np.ndarray) -> float:
    return mifid.memorization_distance(
        generated_features=network.features(generated), real_features=network.features(real)
    )


# --- the protocol ---------------------------------------------------------------------------------
def test_attributes(network: embedded.Embedded) -> None:
    assert network.name == "embedded"
    assert 0 < network.memorization_threshold < 0.5
    assert re.fullmatch(r"[0-9a-f]{64}", network.identity)


def test_features_are_finite(
    network: embedded.Embedded, noise: np.ndarray, dogs: np.ndarray
) -> None:
    flat = np.stack([np.full((64, 64, 3), value, np.uint8) for value in (0, 128, 255)])
    for images in (noise, dogs, flat):
        features = network.features(images)
        assert features.shape == (len(images), network.dimensions)
        assert features.dtype == np.float32
        assert np.isfinite(features).all()
        assert (features.sum(1) != 0).all()  # Kaggle's d drops such rows


def test_photos_point_the_same_way(network: embedded.Embedded, dogs: np.ndarray) -> None:
    """Kaggle takes |cos|: an image's opposite would count as its copy, so there must be none."""
    units = network.features(dogs).astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    assert (units @ units.T).min() > 0


def test_the_same_image_gives_the_same_feature(
    network: embedded.Embedded, noise: np.ndarray
) -> None:
    """Bit for bit: every batch that runs has the same size, so the same kernels run."""
    features = network.features(noise)
    assert np.array_equal(network.features(noise), features)
    assert np.array_equal(embedded.load().features(noise), features)
    assert np.array_equal(network.features(noise[::-1]), features[::-1])
    for count in (1, 63, 64, 65):
        assert np.array_equal(network.features(noise[:count]), features[:count])
    assert np.array_equal(network.features(np.asfortranarray(noise)), features)


def test_channels_are_red_green_blue(network: embedded.Embedded, dogs: np.ndarray) -> None:
    swapped = np.ascontiguousarray(dogs[..., ::-1])
    assert distance(network, swapped, dogs) > 10 * distance(network, dogs, dogs) + 1e-3


# --- the weights file -----------------------------------------------------------------------------
def test_size_on_disk() -> None:
    assert embedded.WEIGHTS.stat().st_size <= MAX_BYTES


def test_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="restore it with git"):
        embedded.load(weights=tmp_path / "embedded.safetensors")


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other network", "no threshold"])
def test_damaged_weights(tmp_path: Path, damage: str) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    path = tmp_path / "embedded.safetensors"
    content = embedded.WEIGHTS.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n" * 3)
    elif damage == "other network":
        save_file({"stem.weight": torch.zeros(3)}, path, {"memorization_threshold": "0.1"})
    else:
        save_file(load_file(embedded.WEIGHTS), path)
    with pytest.raises(PipelineError, match="not the weights of this network") as error:
        embedded.load(weights=path)
    assert "\n" not in str(error.value)


def test_identity_follows_the_weights(tmp_path: Path, network: embedded.Embedded) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(embedded.WEIGHTS)
    state["stem.bias"][0] += 1
    path = tmp_path / "embedded.safetensors"
    save_file(state, path, {"memorization_threshold": "0.1"})
    assert embedded.load(weights=path).identity != network.identity


# --- which way the score goes ---------------------------------------------------------------------
def test_fid_grows_with_blur(network: embedded.Embedded, dogs: np.ndarray) -> None:
    def blurred(radius: float) -> np.ndarray:
        blur = ImageFilter.GaussianBlur(radius)
        return np.stack([np.asarray(Image.fromarray(dog).filter(blur)) for dog in dogs])

    fids = [fid(network, blurred(radius), dogs) for radius in (0, 0.5, 1, 2, 4)]
    assert fids == sorted(fids)
    assert fids[0] == pytest.approx(0, abs=1e-6 * fids[-1])  # the same images, in float64


def test_fid_grows_with_noise(network: embedded.Embedded, dogs: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    unit = rng.normal(size=dogs.shape)
    fids = [
        fid(network, np.clip(dogs + sigma * unit, 0, 255).astype(np.uint8), dogs)
        for sigma in (5, 15, 40, 100)
    ]
    assert fids == sorted(fids)


def test_fid_grows_as_breeds_go_missing(network: embedded.Embedded, dogs: np.ndarray) -> None:
    """Mode collapse: ever fewer different images, each as good as before."""
    fids = [fid(network, np.resize(dogs[:kinds], dogs.shape), dogs) for kinds in (80, 20, 5, 1)]
    assert fids == sorted(fids)


def test_copies_are_near_and_other_images_are_not(
    network: embedded.Embedded, dogs: np.ndarray
) -> None:
    """Copies fall below the threshold; unrelated images of the same kind are further off."""
    train, others = dogs[:80], dogs[80:]
    resaved = corrupt(train, "jpeg", 0.1, np.random.default_rng(3))
    fresh = distance(network, others, train)
    # float32 features: 1 - cos of equal rows is rounding alone
    assert distance(network, train[:40], train) < 1e-6
    assert distance(network, resaved, train) < network.memorization_threshold
    assert distance(network, resaved, train) < 0.5 * fresh


# --- against Inception itself ---------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(
    not (os.environ.get("DOGS_PHOTOS") and os.environ.get("INCEPTION_PARTIAL")),
    reason="set DOGS_PHOTOS (a folder with images.tar and annotation.tar) and INCEPTION_PARTIAL "
    "(the .npz of Inception's first layers)",
)
def test_follows_inception_on_breeds_it_never_saw(network: embedded.Embedded) -> None:
    """A small edition of the evaluation in MODEL_CARD.md: 60 images a set instead of 200 to 1000,
    and no generators, hence lower bounds than the card's correlations."""
    from scipy.stats import spearmanr

    photos, _ = read_dogs(Path(os.environ["DOGS_PHOTOS"]))
    photos = photos.of("test")
    order = rng_for("small judgement").permutation(len(photos.images))
    reference, real = photos.images[order[:300]], photos.images[order[300:360]]
    sets = [real]
    for kind in evaluation.TESTED_CORRUPTIONS:
        for strength in evaluation.STRENGTHS:
            sets.append(corrupt(real, kind, strength, rng_for(f"{kind} {strength}")))
    for kind, strength in evaluation.NEAR_COPIES:
        sets.append(corrupt(reference[:60], kind, strength, rng_for(f"{kind} {strength}")))
    for copies in (6, 30, 54):
        sets.append(np.concatenate([reference[:copies], real[copies:]]))

    teacher = Teacher(Path(os.environ["INCEPTION_PARTIAL"]))
    scores = []
    for features in (network.features, lambda images: teacher.features(images)[:, :768]):
        known = features(reference)
        statistics = mifid.statistics(known)
        found = [features(images) for images in sets]
        scores.append(
            [
                (
                    mifid.fid(generated=mifid.statistics(each), real=statistics),
                    mifid.memorization_distance(generated_features=each, real_features=known),
                )
                for each in found
            ]
        )
    ours, inceptions = np.array(scores)
    assert spearmanr(ours[:, 0], inceptions[:, 0]).statistic > 0.9
    assert spearmanr(ours[:, 1], inceptions[:, 1]).statistic > 0.9
