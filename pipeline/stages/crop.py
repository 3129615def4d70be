"""Stage `crop`: each annotated box, or each image of an array, becomes a square; data/crops.npy,
data/index.csv beside it, and data/held_out.npz.

The index accounts for everything in data/raw: each photo has a row at least, each box just one,
and so has each annotation without a photo, or without a box.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.common import npy, progress
from pipeline.common.errors import InputError
from pipeline.data import held_out, index
from pipeline.data.archives.reader import open_archive
from pipeline.data.arrays import crops as array_crops
from pipeline.data.arrays.raw import RawArrays
from pipeline.data.cropping import crops, photos
from pipeline.data.index import Row
from pipeline.images import arrays
from pipeline.images.shape import ImageShape

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Crop

SECTIONS = ("crop",)
_BLOCK = 1000  # crops at a time


def run(paths: Paths, *, crop: Crop) -> None:
    """Crop every box of every photo in `paths.raw` into `paths.crops`, indexed in `paths.index`;
    with one channel where all crops are grey. Arrays of images are handed over.

    Raises:
        InputError: an archive is missing or damaged; more than `crop.max_bad_share` of the rows
            are faults of the data; or no crop is left. Neither file is touched then; where data
            are at fault, the index that tells which is at `paths.refused_index`.
    """
    progress.heading("crop", f"{paths.raw.name} -> {paths.crops.name}, {paths.index.name}")
    if RawArrays.is_in(paths.raw):
        _from_arrays(paths, crop.side_px)
    else:
        _from_photos(paths, crop)


def _from_arrays(paths: Paths, side_px: int) -> None:
    """Hand over the images of a source that is arrays already."""
    raw = RawArrays.load(paths.raw)
    with progress.timed() as seconds:
        array_crops.write(
            raw,
            side_px=side_px,
            crops=paths.crops,
            index_csv=paths.index,
            test_set=paths.held_out,
        )
    paths.refused_index.unlink(missing_ok=True)
    _, height, width, channels = raw.training.images.shape
    progress.say(
        f"{len(raw.training.images):,} images of {len(raw.class_names)} classes, {height}x{width}x"
        f"{channels} -> {side_px} px, {len(raw.held_out.images):,} more held out, in "
        f"{seconds():.1f} s"
    )


def _from_photos(paths: Paths, crop: Crop) -> None:
    """Crop every box of every photo."""
    listed: list[photos.Photo] = []
    rows: list[Row] = []
    with (
        progress.timed() as seconds,
        open_archive(paths.raw, "images") as images,
        open_archive(paths.raw, "annotation") as notes,
    ):
        found = photos.join(images, notes)
        with npy.growing(paths.crops, (crop.side_px, crop.side_px, 3)) as append:
            count, is_grey = 0, True
            with progress.bar(label="crop", total=len(found.matches), unit="photo") as bar:
                for photo, done in crops.crop_photos(images, notes, found.matches, crop):
                    listed.append(photo)
                    append(done.crops)
                    is_grey = is_grey and arrays.is_grey(done.crops)
                    rows += _rows(photo, done.reasons, first_crop=count)
                    count += len(done.crops)
                    bar.update()
            for note in found.left_over:
                rows += _rows(note, (note.problem,) * max(1, len(note.boxes)), first_crop=count)
            _check(paths, rows, crop.max_bad_share)
            # From here on an index of an earlier run would lie beside the crops of this one.
            paths.index.unlink(missing_ok=True)
        if is_grey:
            _keep_one_channel(paths)
        index.write(paths.index, rows)
        held_out.write_empty(paths.held_out, ImageShape(crop.side_px, 1 if is_grey else 3))
        paths.refused_index.unlink(missing_ok=True)
    _sum_up(listed, found.left_over, rows, seconds())


def _keep_one_channel(paths: Paths) -> None:
    """Write the crops, which are all grey, with one channel instead of three equal ones."""
    images = npy.load(paths.crops, made_by="crop")
    with npy.growing(paths.crops, (*images.shape[1:3], 1)) as append:
        for start in range(0, len(images), _BLOCK):
            append(images[start : start + _BLOCK, :, :, :1])


def _rows(photo: photos.Photo, reasons: tuple[str, ...], *, first_crop: int) -> list[Row]:
    """Return the index's rows of one photo, or of one annotation without a photo."""
    boxes = photo.boxes or (None,)
    rows = []
    for number, (box, reason) in enumerate(zip(boxes, reasons, strict=True)):
        crop = None if reason else first_crop
        first_crop += not reason
        edges = box or (None, None, None, None)
        object_number = number if photo.boxes else None
        rows.append(Row(photo.file, photo.class_name, object_number, *edges, crop, reason))
    return rows


def _check(paths: Paths, rows: list[Row], max_bad_share: float) -> None:
    """Check that enough is usable; else leave the index where it can be read.

    Raises:
        InputError: it is not.
    """
    bad = [row for row in rows if row.reason and row.reason not in crops.BY_CHOICE]
    if len(bad) > max_bad_share * len(rows):
        problem = (
            f"{len(bad):,} of {len(rows):,} boxes and photos are unusable, more than the share "
            f"crop.max_bad_share = {max_bad_share:g}"
        )
    elif all(row.reason for row in rows):
        problem = f"none of {len(rows):,} boxes and photos gave a crop"
    else:
        return
    index.write(paths.refused_index, rows)
    raise InputError(f"{problem}: {_reasons(rows)}; each one is listed in {paths.refused_index}")


def _reasons(rows: list[Row]) -> str:
    counts = Counter(row.reason for row in rows if row.reason)
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())


def _sum_up(
    listed: list[photos.Photo], left_over: list[photos.Photo], rows: list[Row], seconds: float
) -> None:
    """Say how many crops there are, and what was not matched or not used."""
    annotations = {each.annotation for each in listed + left_over} - {""}
    boxes = sum(len(each.boxes) for each in listed + left_over)
    with_photo = sum(len(each.boxes) for each in listed)
    classes = len({row.class_name for row in rows if row.class_name})
    crop_count = sum(1 for row in rows if row.crop is not None)
    progress.say(
        f"{len(listed):,} photos of {classes:,} classes; {len(annotations):,} annotations, "
        f"{len(left_over):,} of them without a photo; {boxes:,} boxes, {with_photo:,} of "
        f"them on a photo"
    )
    alone = [each.file for each in listed if not each.annotation]
    if annotations and alone:
        progress.say(f"{len(alone):,} photos have no annotation, the first is {alone[0]}")
    whole = sum(1 for row in rows if row.crop is not None and row.object is None)
    dropped = _reasons(rows)
    progress.say(
        f"{crop_count:,} crops in {seconds:.1f} s, {whole:,} of them of whole photos; "
        f"{len(rows) - crop_count:,} rows without one" + (f": {dropped}" if dropped else "")
    )
