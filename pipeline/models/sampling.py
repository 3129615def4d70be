"""From a generator to pictures: one seed an image, so that no batch size changes which is which."""

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.common import randomness


def latents(
    seed: int, first: int, count: int, latent_dim: int, truncation: float | None = None
) -> np.ndarray:
    """Latents of the images first..first+count-1: float32 (count, latent_dim), standard normal.

    Row i is a function of (seed, first + i) alone, from a counter-based generator. With
    `truncation` each value is drawn given |z| <= truncation (Brock et al. 2019, section 3.1),
    by inversion of the distribution instead of drawing again.
    """
    return randomness.normals(seed, "samples", first, count, latent_dim, limit=truncation)


def to_bytes(images: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] to uint8 (N, H, W, 3)."""
    scaled = (images.float() + 1).mul(127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


@torch.inference_mode()
def sample(
    generator: nn.Module, latents: np.ndarray, device: torch.device, batch_size: int = 250
) -> np.ndarray:
    """The pictures of `latents` (N, latent_dim), in order: uint8 (N, side, side, 3).

    In float32 and with batch norm's running statistics, so that neighbours in a batch do not
    touch each other. The generator's mode is put back at the end.
    """
    training = generator.training
    generator.eval()
    try:
        parts = [
            to_bytes(generator(torch.from_numpy(latents[start : start + batch_size]).to(device)))
            for start in range(0, len(latents), batch_size)
        ]
    finally:
        generator.train(training)
    return np.concatenate(parts)
