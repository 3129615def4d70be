"""What retouching leaves of an image, from each function's definition."""

from collections.abc import Callable

import numpy as np
import pytest

from research.distillation import retouching


@pytest.mark.parametrize("seed", range(4))
def test_mirrored_halves_are_symmetric_about_one_axis(smooth: np.ndarray, seed: int) -> None:
    made = retouching.mirror_half(smooth[0], 1.0, np.random.default_rng(seed))
    about_axes = [np.array_equal(made, made[:, ::-1]), np.array_equal(made, made[::-1])]
    assert sum(about_axes) == 1
    kept = (made == smooth[0]).all(2)
    assert max(kept[:32].all(), kept[32:].all(), kept[:, :32].all(), kept[:, 32:].all())

    some = retouching.mirror_half(smooth[0], 0.0, np.random.default_rng(seed))
    changed = np.argwhere((some != smooth[0]).any(2))
    assert np.ptp(changed, 0).min() < 8  # a strip of a quarter of the half


def test_a_kaleidoscope_is_symmetric_about_both(smooth: np.ndarray) -> None:
    made = retouching.kaleidoscope(smooth[0], 1.0, np.random.default_rng(1))
    assert np.array_equal(made, made[:, ::-1])
    assert np.array_equal(made, made[::-1])
    less = retouching.kaleidoscope(smooth[0], 0.0, np.random.default_rng(1))[24:40, 24:40]
    assert np.array_equal(less, less[::-1, ::-1])


@pytest.mark.parametrize("function", [retouching.palette, retouching.dither])
def test_palettes_have_so_many_colours_and_no_more(
    smooth: np.ndarray, function: Callable[..., np.ndarray]
) -> None:
    for strength, most in ((0.0, 64), (0.6, 8), (1.0, 2)):
        made = function(smooth[0], strength, np.random.default_rng(1))
        assert 2 <= len(np.unique(made.reshape(-1, 3), axis=0)) <= most
    # Dithering keeps the mean of a region where the palette has colours on both sides of it.
    ramp = np.linspace(60, 200, 64).astype(np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    made = function(ramp, 0.8, np.random.default_rng(1))
    means, wanted = (
        each.astype(float).reshape(8, 8, 8, 8, 3).mean((1, 3, 4)) for each in (made, ramp)
    )
    off = np.abs(means - wanted)[:, 2:6].max()
    assert (off < 6) == (function is retouching.dither)


def test_tinted_colours_lie_on_a_line(smooth: np.ndarray) -> None:
    colours = retouching.tint(smooth[0], 1.0, np.random.default_rng(1)).reshape(-1, 3).astype(float)
    values = np.linalg.svd(colours - colours.mean(0), compute_uv=False)
    assert values[1] < 0.05 * values[0]  # rounded to whole levels
    mixed = retouching.tint(smooth[0], 0.0, np.random.default_rng(1)).reshape(-1, 3).astype(float)
    values = np.linalg.svd(mixed - mixed.mean(0), compute_uv=False)
    assert values[1] > 0.05 * values[0]


def test_sharpening_raises_slopes_and_keeps_flat_places(smooth: np.ndarray) -> None:
    def slope(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image.astype(float), axis=1)).mean())

    for strength in (0.0, 1.0):
        assert slope(retouching.sharpen(smooth[0], strength, np.random.default_rng(1))) > slope(
            smooth[0]
        )
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert np.array_equal(retouching.sharpen(flat, 1.0, np.random.default_rng(1)), flat)
    relief = retouching.emboss(flat, 1.0, np.random.default_rng(1))[1:-1, 1:-1]
    assert np.unique(relief).tolist() == [128]


def test_borders_have_one_colour_and_the_middle_the_image(smooth: np.ndarray) -> None:
    seen = set()
    for seed in range(24):
        made = retouching.frame(smooth[0], 0.6, np.random.default_rng(seed))
        edges = (slice(10), slice(54, 64))
        rows = [np.ptp(made[edge], (0, 1)).max() == 0 for edge in edges]
        columns = [np.ptp(made[:, edge], (0, 1)).max() == 0 for edge in edges]
        assert all(rows) or all(columns)
        assert np.ptp(made[12:52, 12:52]) > 0
        over = np.array_equal(made[10:54, 10:54], smooth[0][10:54, 10:54])
        seen.add((all(rows), all(columns), over))
    assert len(seen) == 6  # all round or bars of two kinds, over the image or around it


def test_a_vignette_changes_the_corners_most(smooth: np.ndarray) -> None:
    made = retouching.vignette(smooth[0], 0.5, np.random.default_rng(1)).astype(float)
    change = np.abs(made - smooth[0]).mean(2)
    assert change[28:36, 28:36].max() < 5 < change[:4, :4].mean()
    assert np.unique(made[0, 0]).tolist() in ([0], [255])


@pytest.mark.parametrize(("strength", "times"), [(0.0, 2), (1.0, 4)])
def test_repeated_images_are_tiles(smooth: np.ndarray, strength: float, times: int) -> None:
    made = retouching.repeat(smooth[0], strength, np.random.default_rng(1))
    side = 64 // times
    tiles = made.reshape(times, side, times, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    assert (tiles == tiles[0]).all()
    assert np.ptp(tiles[0]) > 0
