"""Picture i is picture i, whatever the batch, the start and the neighbours."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.models import build_generator, load_generator, save_generator
from pipeline.models.sampling import latents, sample, to_bytes

CPU = torch.device("cpu")
MODEL = {"name": "dcgan", "side_px": 16, "latent_dim": 8, "channels": 4}


@pytest.fixture
def generator() -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_generator(**MODEL)
    for _ in range(20):  # running statistics that are not their defaults
        network(torch.randn(16, 8))
    return network


def test_latents_by_index() -> None:
    whole = latents(1, 0, 2000, 8)
    assert np.array_equal(latents(1, 1234, 1, 8)[0], whole[1234])
    assert not np.array_equal(latents(2, 0, 2000, 8), whole)
    assert np.abs(latents(1, 0, 2000, 8, truncation=0.5)).max() <= 0.5


@pytest.mark.parametrize("batch_size", [1, 7, 30, 100])
def test_the_batch_does_not_change_a_picture(generator: torch.nn.Module, batch_size: int) -> None:
    inputs = latents(1, 0, 30, 8)
    whole = sample(generator, inputs, CPU, 10).astype(int)
    other = sample(generator, inputs, CPU, batch_size).astype(int)
    assert whole.shape == (30, 16, 16, 3)
    # Sums in another order: a value at the edge of rounding may move by one of 255 levels.
    assert np.abs(whole - other).max() <= 1
    assert (whole != other).mean() < 1e-3
    # With the batch's own statistics (training mode) neighbours would touch each other.
    generator.train()
    with torch.no_grad():
        wrong = to_bytes(generator(torch.from_numpy(inputs[:15]))).astype(int)
    assert np.abs(whole[:15] - wrong).max() > 1


def test_the_mode_is_put_back(generator: torch.nn.Module) -> None:
    generator.train()
    before = generator.layers[1].running_mean.clone()
    sample(generator, latents(1, 0, 4, 8), CPU)
    assert generator.training
    assert torch.equal(generator.layers[1].running_mean, before)


def test_bytes_of_known_values() -> None:
    images = (
        torch.tensor([-1.0, 1.0, 0.0, -2.0, 2.0, 1 / 127.5]).view(1, 1, 1, 6).expand(1, 3, 1, 6)
    )
    assert to_bytes(images)[0, 0, :, 0].tolist() == [0, 255, 128, 0, 255, 128]
    assert to_bytes(images).shape == (1, 1, 6, 3)


def test_channels_keep_their_order() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 2, 4)
    assert to_bytes(images)[0, 1, 3].tolist() == [0, 128, 255]


def test_saved_and_loaded(generator: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "generator.pt"
    for name in (path, tmp_path / "again.pt"):
        save_generator(
            name, generator.state_dict(), model=MODEL, images_seen=5, fingerprint="f" * 16
        )
    assert path.read_bytes() == (tmp_path / "again.pt").read_bytes()
    loaded = load_generator(path, CPU)
    assert (loaded.side_px, loaded.latent_dim, loaded.training) == (16, 8, False)
    inputs = latents(1, 0, 5, 8)
    assert np.array_equal(sample(loaded, inputs, CPU), sample(generator, inputs, CPU))
    content = torch.load(path, weights_only=True)
    assert (content["images_seen"], content["fingerprint"]) == (5, "f" * 16)


def test_a_broken_generator_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "generator.pt"
    with pytest.raises(InputError, match="train one first"):
        load_generator(path, CPU)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a generator"):
        load_generator(path, CPU)
    torch.save({"model": MODEL}, path)
    with pytest.raises(InputError, match="state_dict"):
        load_generator(path, CPU)
    torch.save(
        {"model": MODEL | {"channels": 8}, "state_dict": build_generator(**MODEL).state_dict()},
        path,
    )
    with pytest.raises(InputError, match="not a generator"):
        load_generator(path, CPU)
