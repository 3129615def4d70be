"""From photos with boxes to square crops, on all cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.common import parallel
from pipeline.data.archives.reader import Archive, ArchiveDamaged
from pipeline.data.cropping import photos
from pipeline.data.cropping.boxes import Box, clip, cut, region, shrink_for
from pipeline.data.cropping.photos import Match, Photo
from pipeline.images import decode

if TYPE_CHECKING:
    from pipeline.config.schema import Crop

TOO_SMALL = "box too small"
ASPECT = "aspect out of range"
NO_BOX = "no box"
NO_ANNOTATION = "no annotation"
BROKEN_BOX = "broken box"
EMPTY_BOX = "empty box"
OUTSIDE = "box outside its photo"
OTHER_SIZE = "annotated size is another shape"
SHARES = "box in shares of the photo, others in pixels"
# Left out because a parameter says so; every other reason is a fault of the data.
BY_CHOICE = frozenset({TOO_SMALL, ASPECT, NO_BOX})

_CHUNK = 32


@dataclass(frozen=True)
class Cropped:
    """The crops of one photo, a box after the other; of a photo without a box, one entry.

    Attributes:
        crops: (K, side_px, side_px, 3) uint8, of the boxes without a reason.
        reasons: for each box "" or why there is no crop.
    """

    crops: np.ndarray
    reasons: tuple[str, ...]


def crop_photos(
    images: Archive,
    notes: Archive,
    matches: Sequence[Match],
    rules: Crop,
    *,
    threads: int | None = None,
) -> Iterator[tuple[Photo, Cropped]]:
    """Yield each photo with its crops, in their order, by what their annotations say.

    Args:
        threads: None for one a core. Their number changes neither order nor bytes.
    """
    chunks = [matches[start : start + _CHUNK] for start in range(0, len(matches), _CHUNK)]
    with decode.without_warnings():
        work = _CropChunk(images, notes, rules)
        for done in parallel.in_order_by_threads(work, chunks, threads=threads):
            yield from done


@dataclass(frozen=True)
class _CropChunk:
    images: Archive
    notes: Archive
    rules: Crop

    def __call__(self, chunk: Sequence[Match]) -> list[tuple[Photo, Cropped]]:
        done = []
        for match in chunk:
            photo = photos.read(match, self.notes)
            done.append((photo, self._one(photo)))
        return done

    def _one(self, photo: Photo) -> Cropped:
        if photo.problem:
            return _nothing(photo, photo.problem, self.rules.side_px)
        try:
            return crop_photo(self.images.read(photo.file), photo, self.rules)
        except ArchiveDamaged:
            fault = "damaged in the archive"
        except decode.Unreadable as error:
            fault = str(error)
        return _nothing(photo, f"{photos.UNREADABLE}: {fault}", self.rules.side_px)


def _nothing(photo: Photo, reason: str, side_px: int) -> Cropped:
    entries = max(1, len(photo.boxes))
    return Cropped(np.empty((0, side_px, side_px, 3), np.uint8), (reason,) * entries)


def crop_photo(data: bytes, photo: Photo, rules: Crop) -> Cropped:
    """Crop one photo: each box of it or, where it has none, the whole of it.

    A box is brought into the photo's own pixels (see `placed`), clipped to the photo, and then
    held against `min_side_px` and the aspect limits; a whole photo likewise.

    Args:
        data: the photo's file.

    Raises:
        decode.Unreadable: it is no image, or a damaged one.
    """
    encoded = decode.EncodedImage(data)
    if photo.boxes:
        boxes = placed(photo, encoded)
    elif rules.whole_photos:
        boxes = [Box(0, 0, *encoded.size)]
    else:
        boxes = [NO_BOX if photo.annotation else NO_ANNOTATION]
    parts = [_part(box, encoded.size, rules) if isinstance(box, Box) else box for box in boxes]
    kept = [part for part in parts if isinstance(part, Box)]
    crops = np.empty((len(kept), rules.side_px, rules.side_px, 3), np.uint8)
    if kept:
        shape = {"mode": rules.mode, "side_px": rules.side_px}
        image, shrink = encoded.decode(shrink=shrink_for(kept, **shape))
        for row, part in enumerate(kept):
            # A whole picture as small as that is no photo, but a sprite or an icon.
            crops[row] = cut(image, part, shrink=shrink, repeat_pixels=not photo.boxes, **shape)
    return Cropped(crops, tuple("" if isinstance(part, Box) else part for part in parts))


def _part(box: Box, size: tuple[int, int], rules: Crop) -> Box | str:
    """Return the part of the photo that becomes the crop of `box`, or why there is none."""
    if box.width <= 0 or box.height <= 0:
        return EMPTY_BOX
    box = clip(box, size)
    if box.width <= 0 or box.height <= 0:
        return OUTSIDE
    if min(box.width, box.height) < rules.min_side_px:
        return TOO_SMALL
    if not rules.aspect_min <= box.width / box.height <= rules.aspect_max:
        return ASPECT
    return region(box, size, mode=rules.mode, margin=rules.margin)


def placed(photo: Photo, encoded: decode.EncodedImage) -> list[Box | str]:
    """Return the annotated boxes in the upright photo's pixels, or why one cannot be placed.

    The annotated size says what the annotator saw. Of the upright photo's shape: the boxes lie on
    it, scaled where the annotated size is another. Of the shape of the photo as stored, which
    EXIF turns by a quarter: the annotator's tool ignored EXIF, and the boxes are turned along. Of
    neither shape: the photo is another one than the annotator's, and nothing is certain. Without
    a size the boxes are taken to lie on the upright photo, and so they are where the size cannot
    tell (square photos, half turns and mirrored ones).
    """
    boxes = _in_pixels(photo, encoded)
    if photo.size is None or photo.size == encoded.size:
        return boxes
    if _same_shape(photo.size, encoded.size):
        turn = 1
    elif _same_shape(photo.size, encoded.stored_size):
        turn = encoded.orientation
    else:
        return [OTHER_SIZE if isinstance(box, Box) else box for box in boxes]
    seen = encoded.size if turn == 1 else encoded.stored_size
    x_scale, y_scale = seen[0] / photo.size[0], seen[1] / photo.size[1]
    return [
        _turned(
            Box(box.xmin * x_scale, box.ymin * y_scale, box.xmax * x_scale, box.ymax * y_scale),
            seen,
            turn,
        )
        if isinstance(box, Box)
        else box
        for box in boxes
    ]


def _in_pixels(photo: Photo, encoded: decode.EncodedImage) -> list[Box | str]:
    """Return the annotated boxes in pixels of the annotated size, or of the upright photo where
    none is said.

    Some tools write edges as shares of the photo, 0 to 1. Where all boxes are such, they are taken
    so; beside boxes in pixels it is uncertain what they mean.
    """
    known = [box for box in photo.boxes if box]
    shares = sum(map(_is_share, known))
    if shares == len(known) > 0:
        width, height = photo.size or encoded.size
        scale = (width, height, width, height)
    else:
        scale = (1, 1, 1, 1)
    boxes: list[Box | str] = []
    for box in photo.boxes:
        if box is None:
            boxes.append(BROKEN_BOX)
        elif _is_share(box) and shares < len(known):
            boxes.append(SHARES)
        else:
            boxes.append(Box(*(edge * unit for edge, unit in zip(box, scale, strict=True))))
    return boxes


def _is_share(box: Box) -> bool:
    """Return whether a box lies within one pixel, the first: no annotator drew that."""
    return box.width > 0 and box.height > 0 and all(0 <= edge <= 1 for edge in box)


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one size is the other scaled and rounded: equal to a pixel of the smaller encoded."""
    small, large = sorted((one, other))
    scale = large[0] / small[0]
    return abs(small[1] - large[1] / scale) <= 1


def _turned(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """Return a box on a stored image of `size` as a box on the upright one, for EXIF's quarter
    turns."""
    width, height = size
    xmin, ymin, xmax, ymax = box
    return {
        1: box,
        5: Box(ymin, xmin, ymax, xmax),
        6: Box(height - ymax, xmin, height - ymin, xmax),
        7: Box(height - ymax, width - xmax, height - ymin, width - xmin),
        8: Box(ymin, width - xmax, ymax, width - xmin),
    }[orientation]
