"""Stage `generate`: draw the submission's images with the trained generator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.common import devices, files, npy, progress
from pipeline.models.saved import SavedGenerator

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Generate

SECTIONS = ("device", "generate")
_BATCH = 250  # bounds the memory; no image depends on it


def run(paths: Paths, *, device: str, generate: Generate) -> None:
    """Write `paths.generated`, uint8 (count, side, side, channels); image i comes from (seed, i).
    Its class, where the generator is told one, is in `paths.generated_labels`.

    Raises:
        InputError: there is no generator.
        DiskFull: there is no room for the images.
    """
    where = devices.pick(device)
    generator = SavedGenerator.load(paths.generator, where)
    image = generator.info.shape
    progress.heading("generate", f"{generate.count} images of {image} on {where.type}")
    shape = (image.side_px, image.side_px, image.channels)
    paths.generated.parent.mkdir(parents=True, exist_ok=True)
    files.require_space(paths.generated.parent, generate.count * math.prod(shape), "generate")
    with (
        npy.growing(paths.generated, shape) as append,
        progress.bar(label="generate", total=generate.count) as bar,
    ):
        for first in range(0, generate.count, _BATCH):
            count = min(_BATCH, generate.count - first)
            append(
                generator.sample(generate.seed, count, first=first, truncation=generate.truncation)
            )
            bar.update(count)
    npy.write(paths.generated_labels, generator.classes(generate.seed, generate.count))
