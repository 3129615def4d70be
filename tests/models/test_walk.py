"""Great circles between latents, against closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.models.walk import class_shares, plane, slerp, walk


def test_a_quarter_turn_has_its_closed_form() -> None:
    # From the first to the second axis the great circle is (cos, sin) of the share of 90 degrees.
    start, end = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    for share in (0, 0.25, 1 / 3, 0.5, 1):
        angle = share * np.pi / 2
        expected = [np.cos(angle), np.sin(angle)]
        np.testing.assert_allclose(slerp(start, end, share), expected, atol=1e-15)


def test_start_is_at_zero_and_end_at_one() -> None:
    start, end = np.random.default_rng(0).normal(size=(2, 128))
    np.testing.assert_allclose(slerp(start, end, 0), start, rtol=1e-12)
    np.testing.assert_allclose(slerp(start, end, 1), end, rtol=1e-12)


def test_the_walk_stays_on_the_sphere_where_a_straight_line_leaves_it() -> None:
    start, end = np.random.default_rng(1).normal(size=(2, 128))
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    points = [slerp(start, end, share) for share in np.linspace(0, 1, 9)]
    np.testing.assert_allclose([np.linalg.norm(point) for point in points], 1, rtol=1e-12)
    assert np.linalg.norm((start + end) / 2) < 0.8  # the known-bad way
    # Equal shares are equal angles.
    turns = [before @ after for before, after in pairwise(points)]
    np.testing.assert_allclose(turns, turns[0], rtol=1e-9)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_parallel_and_opposite_latents_give_finite_points(factor: float) -> None:
    start = np.random.default_rng(2).normal(size=16)
    points = [slerp(start, factor * start, share) for share in (0, 0.5, 1)]
    assert np.isfinite(points).all()
    np.testing.assert_allclose(points[1], (1 + factor) / 2 * start, atol=1e-12)


def test_a_walk_visits_its_stops() -> None:
    stops = np.random.default_rng(3).normal(size=(3, 8)).astype(np.float32)
    walked = walk(stops, 4)
    assert walked.shape == (9, 8) and walked.dtype == np.float32
    np.testing.assert_allclose(walked[[0, 4, 8]], stops, rtol=1e-6)
    closed = walk(stops, 4, closed=True)
    assert closed.shape == (12, 8)
    np.testing.assert_allclose(closed[[0, 4, 8]], stops, rtol=1e-6)
    after = slerp(stops[2], stops[0], 0.75)
    np.testing.assert_allclose(closed[-1], after, rtol=1e-6)  # from the last back to the first


def test_shares_go_from_class_to_class_and_back() -> None:
    shares = class_shares([2, 0], 4, classes=3)
    assert shares.dtype == np.float32 and shares.shape == (8, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares[0], [0, 0, 1])
    np.testing.assert_array_equal(shares[4], [1, 0, 0])
    np.testing.assert_allclose(shares[[1, 7]], [[0.25, 0, 0.75]] * 2)


def test_the_plane_has_as_many_latents_in_each_part_of_equal_probability() -> None:
    points = plane(8).reshape(8, 8, 2)
    expected = (np.arange(8) + 0.5) / 8
    np.testing.assert_allclose(norm.cdf(points[3, :, 0]), expected, atol=1e-6)  # to the right
    np.testing.assert_allclose(norm.cdf(points[::-1, 5, 1]), expected, atol=1e-6)  # upwards
    assert np.ptp(points[..., 0], axis=0).max() == np.ptp(points[..., 1], axis=1).max() == 0
