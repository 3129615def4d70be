"""Each feature network has what the score asks of one, and behaves as it says."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.config import schema
from pipeline.images import arrays
from pipeline.scoring.classifier import network as classifier_network
from pipeline.scoring.classifier import saved
from pipeline.scoring.classifier.saved import ClassifierInfo
from pipeline.scoring.classifier.training import Recipe
from pipeline.scoring.extractors import registry
from pipeline.scoring.extractors.inception import Inception
from pipeline.scoring.extractors.registry import Extractor
from tests.factories import noise
from tests.scoring.extractors import inception_weights


def section(**changes: object) -> schema.Reference:
    """The section `reference`, unchecked, so that it can ask for what there is not."""
    values = {
        "extractor": "embedded",
        "pictures": "crops",
        "flips": True,
        "parts": False,
        "held_out": 10,
        "inception": schema.ReferenceInception(weights="auto", precision="bfloat16"),
    }
    return schema.Reference.model_construct(**(values | changes))


def build(reference: schema.Reference, folder: Path) -> Extractor:
    return registry.build(
        reference,
        side_px=64,
        device="cpu",
        cache=folder,
        classifier=folder / "classifier.pt",
    )


@pytest.fixture(scope="module", params=["embedded", "inception", "classifier"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    if request.param == "inception":
        # The official weights cannot be had offline; others of the same shape can.
        state = inception_weights.seeded()
        return Inception(state, identity="0" * 64, side_px=64, dimensions=64)
    folder = tmp_path_factory.mktemp("cache")
    if request.param == "classifier":
        info = ClassifierInfo(("a", "b"), 3, Recipe(1, 1, 2, 0.1), 0.5, 2, 0.01)
        network = classifier_network.build(saved.input_shape(3), 2, seed=1)
        saved.save(folder / "classifier.pt", network.state_dict(), info)
    return build(section(extractor=request.param), folder)


def test_what_the_score_asks_of_a_network(network: Extractor) -> None:
    assert network.name in ("embedded", "inception", "classifier")
    assert 0 < network.memorization_threshold < 1
    assert len(network.identity) == 64
    # The embedded network has one precision, whatever is asked of Inception.
    assert network.precision == "float32"
    images = noise(3, 64)
    threads = torch.get_num_threads()
    features = network.features(images)
    assert features.shape == (3, network.dimensions)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert torch.get_num_threads() == threads  # nothing global is left changed
    assert np.array_equal(features, network.features(images))


@pytest.mark.parametrize("side_px", [16, 32, 64, 128])
def test_grey_images_have_the_features_of_their_rgb_copies(
    network: Extractor, side_px: int
) -> None:
    grey = noise(3, side_px, channels=1)
    features = network.features(grey)
    assert np.array_equal(features, network.features(np.repeat(grey, 3, axis=3)))
    assert len(np.unique(features.round(4), axis=0)) == 3  # or any agreement would mean nothing


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side_px", [16, 128])
def test_other_sides_become_the_networks_own(
    network: Extractor, side_px: int, channels: int
) -> None:
    images = noise(3, side_px, channels=channels)
    conformed = arrays.conform(images, network.input_shape)
    assert np.array_equal(network.features(images), network.features(conformed))


def test_more_images_than_a_batch_holds_are_each_conformed(network: Extractor) -> None:
    images = noise(70, 32, channels=1)
    conformed = arrays.conform(images, network.input_shape)
    assert np.array_equal(network.features(images), network.features(conformed))


def test_no_images_give_no_rows(network: Extractor) -> None:
    for side_px, channels in ((64, 3), (28, 1)):
        features = network.features(noise(0, side_px, channels=channels))
        assert features.shape == (0, network.dimensions)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 64, 64, 3), np.float32),
        np.zeros((2, 3, 64, 64), np.uint8),
        np.zeros((2, 64, 32, 3), np.uint8),
        np.zeros((2, 64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.uint8),
    ],
    ids=["float", "channels first", "not square", "with alpha", "one image"],
)
def test_what_holds_no_images_is_one_line(network: Extractor, images: np.ndarray) -> None:
    with pytest.raises(InputError, match=re.escape(f"{images.dtype} {images.shape}")) as caught:
        network.features(images)
    assert "(N, side, side, 1 or 3)" in str(caught.value)


def test_inceptions_precision_is_the_one_that_is_asked_for() -> None:
    state = inception_weights.seeded()
    rough = Inception(state, identity="", side_px=64, dimensions=64, precision="bfloat16")
    assert rough.precision == "bfloat16"


def test_the_registry_reads_inceptions_own_section(tmp_path: Path) -> None:
    none = schema.ReferenceInception(weights=str(tmp_path / "none.pth"), precision="float32")
    with pytest.raises(InputError, match=r"reference\.inception\.weights = .*none\.pth"):
        build(section(extractor="inception", inception=none), tmp_path)


def test_an_unknown_network_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="embedded, inception and classifier"):
        build(section(extractor="resnet"), tmp_path)
