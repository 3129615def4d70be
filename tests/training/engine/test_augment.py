"""DiffAugment, against the definitions of Zhao et al. 2020 (arXiv 2006.10738), as its authors'
`DiffAugment_pytorch.py` has them, written out pixel by pixel."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.common import randomness
from pipeline.training.engine import augment as augmentation
from pipeline.training.engine.augment import AUGMENTATIONS, CHANCES, augment

ALL = ("colour", "translation", "cutout")
SIDE = 16


def images(count: int = 6, channels: int = 3, side: int = SIDE) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, side, side, generator=source) * 2 - 1


def draws(count: int = 6, *, first: int = 0) -> Tensor:
    found = randomness.uniforms(1, "augment real", first, count, CHANCES)
    return torch.from_numpy(np.ascontiguousarray(found.T, dtype=np.float32))


def neutral(count: int = 6) -> Tensor:
    return torch.full((CHANCES, count), 0.5)


@pytest.mark.parametrize("name", ["colour", "translation"])
@pytest.mark.parametrize("channels", [1, 3])
def test_draws_in_the_middle_change_nothing(name: str, channels: int) -> None:
    before = images(channels=channels)
    # colour subtracts the mean and adds it again: a few roundings of float32
    assert torch.allclose(AUGMENTATIONS[name](before, neutral()), before, atol=1e-6)


def test_colour_is_brightness_then_saturation_then_contrast() -> None:
    """rand_brightness: x + (u − 0.5); rand_saturation: (x − m) · 2u + m with m over the channels;
    rand_contrast: (x − m) · (u + 0.5) + m with m over the image."""
    before, chance = images().double().numpy(), draws().double().numpy()
    found = augmentation.colour(torch.from_numpy(before), torch.from_numpy(chance)).numpy()
    for number, image in enumerate(before):
        brightness, saturation, contrast = chance[:3, number]
        image = image + (brightness - 0.5)
        grey = image.mean(axis=0)
        image = np.stack([(plane - grey) * (2 * saturation) + grey for plane in image])
        image = (image - image.mean()) * (contrast + 0.5) + image.mean()
        np.testing.assert_allclose(found[number], image, atol=1e-12)


def test_colour_keeps_the_grey_of_one_channel_but_for_brightness_and_contrast() -> None:
    chance = neutral()
    chance[1] = 0.9  # saturation alone
    before = images(channels=1)
    assert torch.allclose(augmentation.colour(before, chance), before, atol=1e-6)


def test_translation_moves_by_whole_pixels_and_brings_zeros_in() -> None:
    before, chance = images(), draws()
    found = augmentation.translation(before, chance)
    most = SIDE // 8
    shifts = set()
    for number, image in enumerate(before):
        # The draw's place among the 2 · most + 1 shifts, −most to most.
        down, right = (int(chance[axis, number] * (2 * most + 1)) - most for axis in (3, 4))
        shifts.add((down, right))
        expected = torch.zeros_like(image)
        for y in range(SIDE):
            for x in range(SIDE):
                if 0 <= y + down < SIDE and 0 <= x + right < SIDE:
                    expected[:, y, x] = image[:, y + down, x + right]
        assert torch.equal(found[number], expected)
    assert len(shifts) > 1


def test_translation_reaches_every_shift_alike() -> None:
    places = torch.linspace(0, 1, 5001)[:-1] + 1e-5  # draws, evenly
    chance = torch.full((CHANCES, 5000), 0.5)
    chance[3] = places
    row = torch.arange(1.0, 17).view(1, 1, 16, 1).expand(5000, 1, 16, 16)
    first = augmentation.translation(row, chance)[:, 0, 8, 8] - 9  # how far the middle has moved
    values, counts = first.unique(return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2]
    assert counts.tolist() == [1000] * 5


@pytest.mark.parametrize("side", [16, 15, 6])
def test_cutout_by_the_papers_code(side: int) -> None:
    """rand_cutout: size = int(side · 0.5 + 0.5); offset = randint(0, side + (1 − size % 2)); cut
    are the rows clamp(arange(size) + offset − size // 2, 0, side − 1), and columns alike."""
    size = int(side * 0.5 + 0.5)
    places = side + (1 - size % 2)
    before = images(places, side=side)
    chance = neutral(places)
    # Each place of the centre once, the columns backwards.
    chance[5] = (torch.arange(places) + 0.5) / places
    chance[6] = chance[5].flip(0)
    found = augmentation.cutout(before, chance)
    for number in range(places):
        mask = torch.ones(side, side)
        rows = (torch.arange(size) + number - size // 2).clamp(0, side - 1)
        columns = (torch.arange(size) + (places - 1 - number) - size // 2).clamp(0, side - 1)
        mask[rows[:, None], columns[None, :]] = 0
        assert torch.equal(found[number], before[number] * mask), number


@pytest.mark.parametrize("names", [(name,) for name in ALL] + [ALL])
def test_the_gradient_passes(names: tuple[str, ...]) -> None:
    before = images(2, side=8).double().requires_grad_()
    chance = draws(2).double()
    assert torch.autograd.gradcheck(lambda x: augment(x, chance, names), (before,))
    (gradient,) = torch.autograd.grad(augment(before, chance, names).square().sum(), before)
    assert gradient.abs().max() > 0


def test_an_image_is_changed_alike_in_every_batch() -> None:
    whole = augment(images(), draws(), ALL)
    for first in range(0, 6, 2):
        part = augment(images()[first : first + 2], draws(2, first=first), ALL)
        assert torch.equal(part, whole[first : first + 2])
    assert not torch.equal(whole, augment(images(), draws(first=6), ALL))


def test_they_come_in_the_order_that_is_asked_for() -> None:
    # Brightness after the cut leaves no zeros.
    assert (augment(images(), draws(), ("colour", "cutout")) == 0).any()
    assert not (augment(images(), draws(), ("cutout", "colour")) == 0).any()
