"""Stage `package`: the generated images become a checked submission, outputs/images.zip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.submission import images_zip

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Package

SECTIONS = ("package",)


def run(paths: Paths, *, package: Package) -> None:
    """Pack `paths.generated` into `paths.images_zip` and write what it holds to `paths.package`.

    Raises:
        InputError: the images are missing, too few or too many, or no pictures.
    """
    progress.heading("package", f"{paths.generated.name} -> {paths.images_zip.name}")
    images = _load(paths)
    facts = images_zip.write(paths.images_zip, images_zip.to_side(images), count=package.count)
    files.write_json(paths.package, facts.as_dict())
    progress.say(
        f"{facts.images:,} pictures, {facts.bytes / 1e6:.1f} MB, sha256 {facts.sha256[:16]}…, "
        f"every one read back"
    )
    if facts.duplicates:
        progress.say(
            f"warning: {facts.duplicates:,} of {facts.images:,} pictures repeat another: "
            f"has the generator collapsed?"
        )
    if facts.images != images_zip.KAGGLE_COUNT:
        progress.say(
            f"note: Kaggle takes exactly {images_zip.KAGGLE_COUNT:,} pictures "
            f"(generate.count, package.count)"
        )


def _load(paths: Paths) -> np.ndarray:
    """The generated images, (count, side, side, 3) uint8."""
    if not paths.generated.is_file():
        raise InputError(f"{paths.generated}: not there; run the generate stage first")
    try:
        images = np.load(paths.generated, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{paths.generated}: not a whole array ({error})") from None
    square = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3
    if images.dtype != np.uint8 or not square:
        raise InputError(
            f"{paths.generated}: holds {images.dtype} {images.shape}, "
            f"not uint8 (count, side, side, 3)"
        )
    return images
