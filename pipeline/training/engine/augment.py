"""DiffAugment (Zhao et al. 2020, arXiv 2006.10738): real and generated images are changed alike
before the discriminator sees them, in ways that gradients pass through, so that it cannot learn few
images by heart."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CHANCES = 7  # uniform draws that an image needs
_TRANSLATION = 1 / 8  # at most, as a share of the side
_CUTOUT = 1 / 2  # side of the grey square, as a share of the side


def colour(images: Tensor, chance: Tensor) -> Tensor:
    """Change brightness by −0.5 to 0.5, saturation and contrast by factors of 0 to 2 and 0.5 to
    1.5. `chance`: (7, N), of which the first three are used."""
    brightness, saturation, contrast = chance[:3, :, None, None, None]
    images = images + (brightness - 0.5)
    mean = images.mean(1, keepdim=True)
    images = (images - mean) * (2 * saturation) + mean
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def translation(images: Tensor, chance: Tensor) -> Tensor:
    """Shift by up to an eighth of the side along each axis, zeros coming in. `chance`: (7, N), of
    which numbers 3 and 4 are used."""
    side = images.shape[2]
    most = int(side * _TRANSLATION + 0.5)
    shifts = (chance[3:5] * (2 * most + 1)).long().clamp_max(2 * most)  # (2, N), 0..2·most
    padded = F.pad(images, (most, most, most, most))
    place = torch.arange(side, device=images.device)
    rows = (shifts[0][:, None] + place)[:, :, None]  # (N, side, 1)
    columns = (shifts[1][:, None] + place)[:, None, :]  # (N, 1, side)
    number = torch.arange(len(images), device=images.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[number, rows, columns]
    return moved.permute(0, 3, 1, 2)


def cutout(images: Tensor, chance: Tensor) -> Tensor:
    """Set a square of half the side to 0, its centre anywhere in the image, its edges perhaps
    outside. `chance`: (7, N), of which the last two are used."""
    side = images.shape[2]
    size = int(side * _CUTOUT + 0.5)
    places = side + 1 - size % 2  # of the centre; with as many on either side of the middle
    centres = (chance[5:7] * places).long().clamp_max(places - 1)  # (2, N)
    offset = torch.arange(side, device=images.device) - centres[:, :, None]  # (2, N, side)
    cut = (offset >= -(size // 2)) & (offset < size - size // 2)
    square = cut[0][:, :, None] & cut[1][:, None, :]  # (N, side, side)
    return images.masked_fill(square[:, None], 0)


AUGMENTATIONS = {"colour": colour, "translation": translation, "cutout": cutout}


def augment(images: Tensor, chance: Tensor, names: tuple[str, ...]) -> Tensor:
    """Return images changed by the named augmentations, in this order.

    Args:
        images: (N, channels, side, side) in [-1, 1].
        chance: uniform draws in (0, 1), float32 (CHANCES, N).
        names: keys of `AUGMENTATIONS`.
    """
    for name in names:
        images = AUGMENTATIONS[name](images, chance)
    return images
