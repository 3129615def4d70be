"""Stage `package`: the generated images become a checked submission, outputs/images.zip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import files, npy, progress
from pipeline.competitions.registry import profile_of
from pipeline.images import arrays
from pipeline.submission.writer import write_zip

if TYPE_CHECKING:
    from pipeline.common.paths import Paths

SECTIONS = ("competition",)


def run(paths: Paths, *, competition: str) -> None:
    """Pack all of `paths.generated` into `paths.images_zip`, brought to the shape that the
    competition asks for; write what it holds to `paths.package`.

    Raises:
        InputError: the images are missing or damaged, or the file holds no images.
    """
    profile = profile_of(competition)
    progress.heading("package", f"{paths.generated.name} -> {paths.images_zip.name}")
    images = _load(paths)
    own = arrays.shape_of(images, str(paths.generated))
    form = profile.form(own)
    if form.shape.side_px > own.side_px:
        progress.say(f"samples of {own.side_px} px are enlarged to {form.shape.side_px} px")
    images = arrays.conform(images, form.shape)
    written = write_zip(paths.images_zip, images, form)
    files.write_json(paths.package, written.as_dict())
    progress.say(
        f"{written.images:,} images, {written.bytes / 1e6:.1f} MB, sha256 "
        f"{written.sha256[:16]}…, every one read back"
    )
    if written.duplicates:
        progress.say(
            f"warning: {written.duplicates:,} of {written.images:,} images repeat another: "
            f"has the generator collapsed?"
        )
    if taken := profile.count_fault(written.images):
        progress.say(f"note: {competition} takes {taken} images (generate.count)")


def _load(paths: Paths) -> np.ndarray:
    """Return the generated images, uint8 (count, side, side, channels), read as they are used."""
    return npy.load(paths.generated, made_by="generate")
