"""From a generator to images: one seed an image, so that no batch size changes which is which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pipeline.common import randomness
from pipeline.images import arrays


@dataclass(frozen=True)
class GeneratorInputs:
    """What a generator makes images from.

    Attributes:
        latents: float32 (N, latent_dim).
        labels: int64 (N,), rows of the class names, or float32 (N, classes), shares of them; None
            where the generator is told no class.
    """

    latents: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.latents)

    def __getitem__(self, rows: slice) -> GeneratorInputs:
        return GeneratorInputs(
            self.latents[rows], None if self.labels is None else self.labels[rows]
        )

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return latents and labels as tensors on the device, a generator's arguments."""
        labels = None if self.labels is None else torch.from_numpy(self.labels).to(device)
        return torch.from_numpy(self.latents).to(device), labels


def draw_inputs(
    seed: int,
    stream: str,
    first: int,
    count: int,
    *,
    latent_dim: int,
    class_counts: tuple[int, ...] = (),
    truncation: float | None = None,
) -> GeneratorInputs:
    """Return the inputs of the images first..first+count-1 of a stream.

    Row i is a function of (seed, stream, first + i) alone, from a counter-based generator: the
    latents standard normal, the classes in the shares of the training images.

    Args:
        class_counts: training images of each class; empty where the generator is told no class.
        truncation: each value is drawn given |z| <= truncation (Brock et al. 2019, section 3.1),
            by inversion of the distribution instead of drawing again.
    """
    latents = randomness.normals(seed, stream, first, count, latent_dim, limit=truncation)
    if not class_counts:
        return GeneratorInputs(latents, None)
    share = randomness.uniforms(seed, f"classes of {stream}", first, count, 1)[:, 0]
    ends = np.cumsum(class_counts) / np.sum(class_counts)
    labels = np.searchsorted(ends, share, side="right").clip(max=len(class_counts) - 1)
    return GeneratorInputs(latents, labels.astype(np.int64))


@torch.inference_mode()
def decode(
    generator: nn.Module, inputs: GeneratorInputs, device: torch.device, batch_size: int = 250
) -> np.ndarray:
    """Return the images of the inputs, in order: uint8 (N, side, side, channels).

    In float32 and with batch norm's running statistics, so that neighbours in a batch do not
    touch each other. The generator's mode is put back at the end.
    """
    training = generator.training
    generator.eval()
    try:
        parts = [
            arrays.to_bytes(generator(*inputs[start : start + batch_size].on(device))).cpu().numpy()
            for start in range(0, len(inputs), batch_size)
        ]
    finally:
        generator.train(training)
    return np.concatenate(parts)
