"""The file of a generator: saved, loaded, sampled by class, refused where it is broken."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError
from pipeline.models import saved
from pipeline.models.saved import SavedGenerator
from pipeline.models.walk import walk
from tests import factories, toy
from tests.factories import generator, write_generator

CPU = torch.device("cpu")


@pytest.fixture
def conditional(monkeypatch: pytest.MonkeyPatch) -> SavedGenerator:
    """A generator that is told three classes, each of which shows."""
    toy.register(monkeypatch)
    return generator(
        family="toy",
        parameters={"width": 12, "conditional": True},
        class_counts={"beagle": 5, "pug": 3, "pointer": 2},
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_and_loaded(tmp_path: Path, channels: int) -> None:
    made = write_generator(tmp_path / "generator.pt", channels=channels)
    write_generator(tmp_path / "again.pt", channels=channels)
    assert (tmp_path / "generator.pt").read_bytes() == (tmp_path / "again.pt").read_bytes()
    loaded = SavedGenerator.load(tmp_path / "generator.pt", CPU)
    assert loaded.info == made.info
    assert not loaded.network.training
    assert not any(weight.requires_grad for weight in loaded.network.parameters())
    images = loaded.sample(1, 5)
    assert images.shape == (5, 16, 16, channels) and images.dtype == np.uint8
    assert np.array_equal(images, made.sample(1, 5))
    # Two latents that the test draws itself: the images are those of the stream "samples".
    latents = np.stack([np.full(8, 0.5), np.full(8, -0.5)]).astype(np.float32)
    assert np.array_equal(loaded.decode(latents), made.decode(latents))


def test_classes_are_saved_too(conditional: SavedGenerator, tmp_path: Path) -> None:
    saved.save(tmp_path / "g.pt", conditional.network.state_dict(), conditional.info)
    loaded = SavedGenerator.load(tmp_path / "g.pt", CPU)
    assert loaded.info == conditional.info
    assert np.array_equal(loaded.sample(1, 40), conditional.sample(1, 40))


def test_a_class_can_be_asked_for(conditional: SavedGenerator) -> None:
    of_class = [conditional.sample(1, 40, label=name) for name in conditional.info.class_names]
    for number, images in enumerate(of_class):
        assert len(np.unique(images.reshape(40, -1), axis=0)) == 40  # another latent each
        other = of_class[number - 1]
        assert (images != other).any((1, 2, 3)).all()
    # Without a label, each image is the one of its own class.
    mixed = conditional.sample(1, 40)
    matches = np.stack([(mixed == images).all((1, 2, 3)) for images in of_class])
    assert (matches.sum(axis=0) == 1).all() and matches.any(axis=1).all()


@pytest.mark.parametrize("size", [1, 7])
def test_an_image_and_its_class_do_not_depend_on_the_batch(
    conditional: SavedGenerator, size: int
) -> None:
    whole = conditional.sample(1, 21).astype(int)
    parts = [conditional.sample(1, size, first=first) for first in range(0, 21, size)]
    # Sums in another order may move a value at the edge of rounding by one level.
    assert np.abs(np.concatenate(parts) - whole).max() <= 1


def test_an_unknown_class_is_one_line(conditional: SavedGenerator) -> None:
    with pytest.raises(InputError) as told:
        conditional.sample(1, 4, label="cat")
    assert str(told.value) == ("label 'cat': no class of this generator (beagle, pug, pointer)")
    with pytest.raises(InputError) as told:
        generator().sample(1, 4, label="pug")
    assert str(told.value) == (
        "label 'pug': no class of this generator (none: it is told no class)"
    )


def test_a_walk_leads_from_sample_to_sample() -> None:
    made = generator()
    images = made.walk(7, 3, 4, first=2)
    assert images.shape == (9, 16, 16, 3)
    # One level apart at most: a batch of another size may be summed in another order.
    stops = made.sample(7, 3, first=2).astype(int)
    assert np.abs(images[[0, 4, 8]] - stops).max() <= 1
    closed = made.walk(7, 3, 4, first=2, closed=True)
    assert len(closed) == 12 and np.abs(closed[:9].astype(int) - images).max() <= 1


def test_a_walk_keeps_to_the_class_of_its_start(conditional: SavedGenerator) -> None:
    inputs = conditional._inputs(7, 0, 4, None)
    assert len(set(inputs.labels.tolist())) > 1  # drawn, they would change on the way
    points = walk(inputs.latents, 5)
    expected = conditional.decode(points, np.full(len(points), inputs.labels[0]))
    assert np.array_equal(conditional.walk(7, 4, 5), expected)


def test_a_broken_generator_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "generator.pt"
    with pytest.raises(InputError, match="train one first"):
        SavedGenerator.load(path, CPU)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a generator"):
        SavedGenerator.load(path, CPU)
    write_generator(path)
    whole = torch.load(path, weights_only=True)
    for name in whole:
        torch.save({key: value for key, value in whole.items() if key != name}, path)
        with pytest.raises(InputError, match=rf"not a generator .*{name}"):
            SavedGenerator.load(path, CPU)
    wrong = {
        "family": "stylegan",
        "parameters": {"channels": 8, "minibatch_stddev": False},
        "latent_dim": 9,
        "channels": 1,
    }
    for name, value in wrong.items():
        torch.save(whole | {name: value}, path)
        with pytest.raises(InputError, match="not a generator") as told:
            SavedGenerator.load(path, CPU)
        assert "\n" not in str(told.value)


def test_a_damaged_generator_is_one_line_and_never_another_generator(tmp_path: Path) -> None:
    path = tmp_path / "generator.pt"
    write_generator(path)
    content = path.read_bytes()
    weights = torch.load(path, weights_only=True)["state_dict"]
    largest = bytes(max(weights.values(), key=torch.numel).untyped_storage())  # as it lies there
    flipped = bytearray(content)
    flipped[content.index(largest) + 3] ^= 1
    for damaged in (flipped, content[: len(content) // 2], content[:-1], b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"generator\.pt: .*run the train stage again") as told:
            SavedGenerator.load(path, CPU)
        assert "\n" not in str(told.value)


def test_what_is_written_is_read_without_running_code(tmp_path: Path) -> None:
    """Nothing but tensors and plain values: `weights_only` reads it."""
    write_generator(tmp_path / "g.pt")
    content = torch.load(tmp_path / "g.pt", weights_only=True)
    info = factories.generator_info()
    assert (content["images_seen"], content["fingerprint"]) == (
        info.images_seen,
        info.fingerprint,
    )
