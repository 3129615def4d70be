"""The generate stage: count, order, seeds; the same picture whatever the count."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.config import schema
from pipeline.models import build_generator, initialise, save_generator
from pipeline.models.sampling import latents, sample
from pipeline.stages import generate

MODEL = {"name": "dcgan", "side_px": 16, "latent_dim": 8, "channels": 4}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    paths.generator.parent.mkdir(parents=True)
    network = build_generator(**MODEL)
    initialise(network, 1)
    with torch.no_grad():
        for weight in network.parameters():  # initial ones give nothing but grey
            weight.mul_(4)
    save_generator(
        paths.generator, network.state_dict(), model=MODEL, images_seen=1, fingerprint="f"
    )
    return paths


def run(paths: Paths, **changes: object) -> np.ndarray:
    settings = {"count": 300, "seed": 1, "truncation": None} | changes
    generate.run(paths, device="cpu", generate=schema.Generate(**settings))
    return np.load(paths.generated)


def test_image_i_comes_from_seed_and_i(paths: Paths) -> None:
    images = run(paths)
    assert images.shape == (300, 16, 16, 3) and images.dtype == np.uint8
    network = build_generator(**MODEL)
    network.load_state_dict(torch.load(paths.generator, weights_only=True)["state_dict"])
    alone = sample(network, latents(1, 277, 1, 8), torch.device("cpu"))[0]
    # Sums in another order may move a value at the edge of rounding by one level.
    assert np.abs(images[277].astype(int) - alone).max() <= 1
    assert len(np.unique(images.reshape(300, -1), axis=0)) == 300


def test_same_bytes_again_and_a_shorter_run_is_a_prefix(paths: Paths) -> None:
    whole = run(paths)
    content = paths.generated.read_bytes()
    run(paths)
    assert paths.generated.read_bytes() == content
    assert np.abs(run(paths, count=260).astype(int) - whole[:260]).max() <= 1
    assert not np.array_equal(run(paths, seed=2), whole)


def test_truncation_narrows_the_pictures(paths: Paths) -> None:
    whole, narrow = run(paths), run(paths, truncation=0.1)
    assert narrow.std(axis=0).mean() < whole.std(axis=0).mean() / 3


def test_without_a_generator_it_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train one first"):
        run(Paths(tmp_path))
