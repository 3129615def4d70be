"""Stage `generate`: draw the submission's images with the trained generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import devices, files, progress
from pipeline.models.saved import SavedGenerator

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Generate

SECTIONS = ("device", "generate")
_BATCH = 250  # bounds the memory; no image depends on it


def run(paths: Paths, *, device: str, generate: Generate) -> None:
    """Write `paths.generated`, uint8 (count, side, side, channels); image i comes from (seed, i).

    Raises:
        InputError: there is no generator.
    """
    where = devices.pick(device)
    generator = SavedGenerator.load(paths.generator, where)
    image = generator.info.shape
    progress.heading("generate", f"{generate.count} images of {image} on {where.type}")
    shape = (generate.count, image.side_px, image.side_px, image.channels)
    with (
        files.atomic(paths.generated) as temporary,
        progress.bar(label="generate", total=generate.count) as bar,
    ):
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for first in range(0, generate.count, _BATCH):
            count = min(_BATCH, generate.count - first)
            images[first : first + count] = generator.sample(
                generate.seed, count, first=first, truncation=generate.truncation
            )
            bar.update(count)
        images.flush()
