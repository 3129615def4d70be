"""Each feature network has what the score asks of one, and behaves as it says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.scoring.extractors import registry
from pipeline.scoring.extractors.inception import Inception
from pipeline.scoring.extractors.registry import Extractor
from tests.scoring.extractors import inception_weights


@pytest.fixture(params=["embedded", "inception"])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Extractor:
    if request.param == "inception":
        # The official weights cannot be had offline; others of the same shape can.
        state = inception_weights.seeded()
        return Inception(state, identity="0" * 64, dimensions=64)
    return registry.build(
        "embedded", weights="auto", precision="float32", device="cpu", cache=tmp_path
    )


def test_what_the_score_asks_of_a_network(network: Extractor) -> None:
    assert network.name in ("embedded", "inception")
    assert 0 < network.memorization_threshold < 1
    assert len(network.identity) == 64
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    threads = torch.get_num_threads()
    features = network.features(images)
    assert features.shape == (3, network.dimensions)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert torch.get_num_threads() == threads  # nothing global is left changed
    assert np.array_equal(features, network.features(images))


def test_an_unknown_network_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="embedded and inception"):
        registry.build("resnet", weights="auto", precision="float32", device="cpu", cache=tmp_path)
