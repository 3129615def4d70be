"""Write a submission so that the competition's evaluator takes it: the same bytes for the same
images, checked before the zip takes its name."""

import functools
import stat
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pipeline.common import cores, files, progress
from pipeline.competitions.form import Encoding, SubmissionFormat
from pipeline.images import arrays, png
from pipeline.submission.decoding import SubmissionInvalid
from pipeline.submission.reader import ZipSummary, check_zip, require_count

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time
_BLOCK_IMAGES = 256
_UNIX = 3  # "create system": Python writes the machine's own otherwise


def write_zip(path: Path, images: np.ndarray, form: SubmissionFormat) -> ZipSummary:
    """Write all images, as many as there are, and check what was written.

    Args:
        images: (N, side, side, channels) uint8, of the format's shape.

    Raises:
        InputError: not an array of images; SubmissionInvalid: another shape, no images, or too
            many. Nothing is written then.
    """
    if arrays.shape_of(images, path.name) != form.shape:
        raise SubmissionInvalid(
            f"{path.name}: its images must be {form.shape}, these are {images.shape}"
        )
    require_count(path, len(images), None)
    with files.atomic(path) as temporary:
        # Stored, not deflated: PNG and JPEG are compressed already.
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            files_of = _encoded(images, form.encoding)
            encoded = progress.bar(files_of, label="encoding", total=len(images))
            for name, content in zip(form.file_names(len(images)), encoded, strict=True):
                entry = zipfile.ZipInfo(name, date_time=_FIRST_DAY)
                entry.create_system = _UNIX
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                archive.writestr(entry, content)
        return check_zip(temporary, form, count=len(images))


def _encoded(images: np.ndarray, encoding: Encoding) -> Iterator[bytes]:
    """Yield the file of each image, in order; encoded on all cores."""
    if encoding.quality is None:
        yield from png.encode(images)
        return
    encode = functools.partial(arrays.encode_jpeg, quality=encoding.quality)
    with ThreadPoolExecutor(cores.usable()) as pool:
        for start in range(0, len(images), _BLOCK_IMAGES):  # as many files in memory at a time
            yield from pool.map(encode, images[start : start + _BLOCK_IMAGES])
