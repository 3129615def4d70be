"""Stage `package`: the generated images become a checked submission, outputs/images.zip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import files, progress
from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.submission.formats import GENERATIVE_DOG_IMAGES
from pipeline.submission.writer import write_zip

if TYPE_CHECKING:
    from pipeline.common.paths import Paths

SECTIONS = ()


def run(paths: Paths) -> None:
    """Pack all of `paths.generated` into `paths.images_zip`; write what it holds to
    `paths.package`.

    Raises:
        InputError: the images are missing, or the file holds no images.
    """
    form = GENERATIVE_DOG_IMAGES
    progress.heading("package", f"{paths.generated.name} -> {paths.images_zip.name}")
    images = arrays.conform(_load(paths), form.shape)
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
    if written.images != form.count:
        progress.say(f"note: Kaggle takes exactly {form.count:,} images (generate.count)")


def _load(paths: Paths) -> np.ndarray:
    """Return the generated images, uint8 (count, side, side, channels), read as they are used."""
    if not paths.generated.is_file():
        raise InputError(f"{paths.generated}: not there; run the generate stage first")
    try:
        images = np.load(paths.generated, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{paths.generated}: not a whole array ({error})") from None
    arrays.shape_of(images, str(paths.generated))
    return images
