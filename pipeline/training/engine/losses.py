"""The losses of a GAN's two networks, and the labels of the discriminator's images."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


def discriminator_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of BCE(D(x), targets) over the images of one side, real or generated; D's
    loss is the sum of both (Goodfellow et al. 2014, equation 1, with targets other than 1 and 0).
    Arguments float32 (B,)."""
    return binary_cross_entropy_with_logits(logits, targets)


def discriminator_hinge_loss(logits: Tensor, *, is_real: bool) -> Tensor:
    """Return E max(0, 1 − D(x)) of real images or E max(0, 1 + D(G(z))) of generated ones; the loss
    is the sum of both (Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, equation 16).
    `logits`: float32 (B,)."""
    return (1 - logits if is_real else 1 + logits).relu().mean()


def generator_hinge_loss(fake_logits: Tensor) -> Tensor:
    """Return −E D(G(z)), the generator's side of the hinge loss. `fake_logits`: float32 (B,)."""
    return -fake_logits.mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the mean of −log D(G(z)), the non-saturating loss (Goodfellow et al. 2014, section
    3). `fake_logits`: float32 (B,)."""
    return binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def r1_penalty(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Tensor:
    """Return R1 of Mescheder et al. 2018 (arXiv 1801.04406, equation 9) without its γ / 2: the mean
    over real images of the squared norm of the logit's gradient to the image. Scalar, float32."""
    images = images.detach().float().requires_grad_()
    # `forward`: what torch.compile makes of a network can't be differentiated twice.
    logits = discriminator.forward(images, labels)
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum((1, 2, 3)).mean()


def label_targets(
    level: np.ndarray,
    swap: np.ndarray,
    *,
    own: tuple[float, float],
    other: tuple[float, float],
    swap_share: float,
) -> np.ndarray:
    """Return the discriminator's targets for one side's images, float32 (N,): smoothed (Salimans et
    al. 2016, arXiv 1606.03498, section 3.4), drawn from a range, and now and then swapped (the
    "noisy labels" of ganhacks).

    Args:
        level: uniform draws (N,); where in its range a target lies.
        swap: uniform draws (N,); the share `swap_share` of them takes the other side's range.
        own: [low, high] of this side's targets; `other`, of the other side's.
    """
    swapped = swap < swap_share
    low = np.where(swapped, other[0], own[0])
    high = np.where(swapped, other[1], own[1])
    return (low + level * (high - low)).astype(np.float32)
