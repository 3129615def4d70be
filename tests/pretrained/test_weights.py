"""The generators that come with the package: small, whole, and what their card says."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.pretrained import weights
from tests import factories

CPU = torch.device("cpu")
CARD = (weights.FOLDER / "MODEL_CARD.md").read_text("utf-8")


def test_what_is_written_is_read_and_makes_the_same_images(tmp_path: Path) -> None:
    made = factories.generator(parameters={"channels": 8, "minibatch_stddev": False,
                                           "conditional": True},
                               class_counts={"beagle": 3, "pug": 1})  # fmt: skip
    weights.save(tmp_path / "some.safetensors", made.network.state_dict(), made.info)
    read = weights.load("some", CPU, folder=tmp_path)
    assert read.info == replace(made.info, fingerprint="")
    assert {tensor.dtype for tensor in read.network.parameters()} == {torch.float32}
    for label in (None, "pug"):
        ours, theirs = (side.sample(3, 16, label=label).astype(int) for side in (read, made))
        assert np.abs(ours - theirs).max() <= 2  # of 255 levels
    for name, tensor in made.network.state_dict().items():
        kept = read.network.state_dict()[name]
        exact = tensor if tensor.dim() <= 1 else tensor.half().float()
        torch.testing.assert_close(kept, exact, rtol=0, atol=0)


def test_the_same_generator_gives_the_same_file(tmp_path: Path) -> None:
    made = factories.generator()
    for name in ("one", "two"):
        weights.save(tmp_path / name, made.network.state_dict(), made.info)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_weights_that_half_precision_cannot_hold_are_refused(tmp_path: Path) -> None:
    made = factories.generator()
    state = {name: 1e6 * tensor for name, tensor in made.network.state_dict().items()}
    with pytest.raises(ValueError, match=r"layers\.0\.weight.*not finite"):
        weights.save(tmp_path / "some.safetensors", state, made.info)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cats", "../weights", "", "stanford-dogs.safetensors"])
def test_another_name_is_one_line(name: str) -> None:
    with pytest.raises(InputError, match="no such generator; there is stanford-dogs"):
        weights.load(name, CPU)


@pytest.mark.parametrize("kept", [0, 7, 0.001, 0.5, 0.999])
def test_a_damaged_file_is_one_line(tmp_path: Path, kept: float) -> None:
    made = factories.generator()
    path = tmp_path / "some.safetensors"
    weights.save(path, made.network.state_dict(), made.info)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    with pytest.raises(InputError, match=r"damaged.*git checkout"):
        weights.load("some", CPU, folder=tmp_path)


@pytest.mark.parametrize("name", weights.names())
def test_each_generator_is_small_and_has_a_card(name: str) -> None:
    size = (weights.FOLDER / f"{name}.safetensors").stat().st_size
    assert size <= 8e6
    info = weights.load(name, CPU).info
    assert f"`{name}.safetensors`" in CARD
    assert f"{info.images_seen:,} training images" in CARD
    assert f"{size / 1e6:.1f} MB" in CARD


@pytest.mark.parametrize("name", weights.names())
def test_its_samples_are_images_that_differ(name: str) -> None:
    generator = weights.load(name, CPU)
    samples = generator.sample(1, 32).astype(float)
    assert samples.std((1, 2, 3)).min() > 10, "no sample is flat"
    distances = np.abs(samples[:, None] - samples[None]).mean((2, 3, 4))
    assert distances[~np.eye(32, dtype=bool)].min() > 10, "no two are alike"


@pytest.mark.slow
@pytest.mark.realdata
def test_the_cards_fid_is_that_of_the_file(tmp_path: Path) -> None:
    """Needs Stanford Dogs' archives (DOGS_PHOTOS) and Inception's weights (INCEPTION_PARTIAL)."""
    for variable in ("DOGS_PHOTOS", "INCEPTION_PARTIAL"):
        if variable not in os.environ:
            pytest.skip(f"{variable} is not set: {variable}=… pytest -m slow tests/pretrained")
    from benchmarks import bench_recipe
    from research.distillation.teacher import Teacher

    dataset, _ = bench_recipe.prepare(tmp_path)
    teacher = Teacher(Path(os.environ["INCEPTION_PARTIAL"]))
    real = bench_recipe.real_features(dataset, teacher, tmp_path)
    samples = weights.load("stanford-dogs", CPU).sample(1, bench_recipe.GENERATED)
    width = bench_recipe.FEATURES
    found = bench_recipe.scores(teacher.features(samples)[:, :width], real[:, :width])
    said = float(re.search(r"FID-768 (\d\.\d+)", CARD)[1])
    assert found["fid"] == pytest.approx(said, abs=0.03)
