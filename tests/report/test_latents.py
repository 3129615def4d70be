"""Samples and walks of a generator's file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common import randomness
from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape
from pipeline.models.saved import GeneratorInfo, SavedGenerator
from pipeline.report import latents
from tests.factories import write_generator


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_begin_and_end_with_samples_of_the_generator(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "generator.pt"
    write_generator(path, seed=3, side_px=32, channels=channels)
    rows = latents.rows(path, walks=2, steps=3, seed=5)
    assert rows.shape == (8, 32, 32, channels) and rows.dtype == np.uint8
    ends = latents.samples(path, count=4, seed=5)
    # One level apart at most: a batch of another size may be summed in another order.
    difference = np.abs(rows[[0, 3, 4, 7]].astype(int) - ends.astype(int))
    assert difference.max() <= 1
    assert len({picture.tobytes() for picture in rows}) == 8


def test_samples_are_those_of_the_pipelines_own_sampling(tmp_path: Path) -> None:
    path = tmp_path / "generator.pt"
    saved = write_generator(path, seed=3)
    inputs = randomness.normals(9, "samples", 0, 3, saved.info.latent_dim)
    expected = SavedGenerator.load(path, torch.device("cpu")).decode(inputs)
    np.testing.assert_array_equal(latents.samples(path, count=3, seed=9), expected)


class ShadeOfClass(torch.nn.Module):
    """A generator whose images show their class: all pixels at -1, 0 or 1, whatever the latent."""

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (labels - 1.0)[:, None, None, None].expand(len(latents), 1, 4, 4)


def test_a_generator_that_is_told_classes_keeps_to_one_in_each_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = GeneratorInfo(
        family="dcgan", parameters={}, latent_dim=2, shape=ImageShape(4, 1),
        class_names=("a", "b", "c"), class_counts=(1, 1, 1), images_seen=0, fingerprint="",
    )  # fmt: skip
    generator = SavedGenerator(info, ShadeOfClass(), torch.device("cpu"))
    monkeypatch.setattr(SavedGenerator, "load", lambda *_: generator)
    rows = latents.rows(tmp_path, walks=20, steps=3, seed=5).reshape(20, 4, -1)
    assert (rows == rows[:, :1, :1]).all()
    assert set(rows[:, 0, 0].tolist()) == {0, 128, 255}


@pytest.mark.parametrize("content", [b"", b"junk", b"not weights", b"PK\x03\x04", b"\x80\x02}q."])
def test_a_file_that_is_no_generator_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "generator.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"generator\.pt"):
        latents.rows(path, walks=1, steps=1, seed=0)
