"""Great circles between latents, against closed forms."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common import randomness
from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape
from pipeline.models.saved import GeneratorInfo, SavedGenerator
from pipeline.report import latents
from tests.report.synthetic import LATENT_DIM, SIDE, write_generator


def test_a_quarter_turn_has_its_closed_form() -> None:
    # From the first to the second axis the great circle is (cos, sin) of the share of 90 degrees.
    start, end = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    for share in (0, 0.25, 1 / 3, 0.5, 1):
        angle = share * np.pi / 2
        expected = [np.cos(angle), np.sin(angle)]
        np.testing.assert_allclose(latents.slerp(start, end, share), expected, atol=1e-15)


def test_start_is_at_zero_and_end_at_one() -> None:
    start, end = np.random.default_rng(0).normal(size=(2, 128))
    np.testing.assert_allclose(latents.slerp(start, end, 0), start, rtol=1e-12)
    np.testing.assert_allclose(latents.slerp(start, end, 1), end, rtol=1e-12)


def test_the_walk_stays_on_the_sphere_where_a_straight_line_leaves_it() -> None:
    start, end = np.random.default_rng(1).normal(size=(2, 128))
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    points = [latents.slerp(start, end, share) for share in np.linspace(0, 1, 9)]
    np.testing.assert_allclose([np.linalg.norm(point) for point in points], 1, rtol=1e-12)
    assert np.linalg.norm((start + end) / 2) < 0.8  # the known-bad way
    # Equal shares are equal angles.
    turns = [before @ after for before, after in pairwise(points)]
    np.testing.assert_allclose(turns, turns[0], rtol=1e-9)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_parallel_and_opposite_latents_give_finite_points(factor: float) -> None:
    start = np.random.default_rng(2).normal(size=16)
    points = [latents.slerp(start, factor * start, share) for share in (0, 0.5, 1)]
    assert np.isfinite(points).all()
    np.testing.assert_allclose(points[1], (1 + factor) / 2 * start, atol=1e-12)


def test_a_walk_visits_its_stops() -> None:
    stops = np.random.default_rng(3).normal(size=(3, 8)).astype(np.float32)
    walked = latents.walk(stops, 4)
    assert walked.shape == (9, 8) and walked.dtype == np.float32
    np.testing.assert_allclose(walked[[0, 4, 8]], stops, rtol=1e-6)
    closed = latents.walk(stops, 4, closed=True)
    assert closed.shape == (12, 8)
    np.testing.assert_allclose(closed[[0, 4, 8]], stops, rtol=1e-6)
    after = latents.slerp(stops[2], stops[0], 0.75)
    np.testing.assert_allclose(closed[-1], after, rtol=1e-6)  # from the last back to the first


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_begin_and_end_with_samples_of_the_generator(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "generator.pt"
    write_generator(path, seed=3, channels=channels)
    rows = latents.rows(path, walks=2, steps=3, seed=5)
    assert rows.shape == (8, SIDE, SIDE, channels) and rows.dtype == np.uint8
    ends = latents.samples(path, count=4, seed=5)
    # One level apart at most: a batch of another size may be summed in another order.
    difference = np.abs(rows[[0, 3, 4, 7]].astype(int) - ends.astype(int))
    assert difference.max() <= 1
    assert len({picture.tobytes() for picture in rows}) == 8


def test_samples_are_those_of_the_pipelines_own_sampling(tmp_path: Path) -> None:
    path = tmp_path / "generator.pt"
    write_generator(path, seed=3)
    inputs = randomness.normals(9, "samples", 0, 3, LATENT_DIM)
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
