"""Draw the submission's images with the trained generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, files, progress
from pipeline.models import load_generator
from pipeline.models.sampling import latents, sample

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Generate

SECTIONS = ("device", "generate")
_BATCH = 250  # bounds the memory; no picture depends on it


def run(paths: Paths, *, device: str, generate: Generate) -> None:
    """Write `paths.generated`, uint8 (count, side, side, 3); image i comes from (seed, i)."""
    where = devices.pick(device)
    generator = load_generator(paths.generator, where)
    side = generator.side_px
    progress.heading("generate", f"{generate.count} images of {side}x{side} px on {where.type}")
    shape = (generate.count, side, side, 3)
    with (
        files.atomic(paths.generated) as temporary,
        progress.bar(label="generate", total=generate.count) as bar,
    ):
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for first in range(0, generate.count, _BATCH):
            count = min(_BATCH, generate.count - first)
            inputs = latents(generate.seed, first, count, generator.latent_dim, generate.truncation)
            images[first : first + count] = sample(generator, inputs, where, _BATCH)
            bar.update(count)
        images.flush()
