"""Whole photos, squashed to squares, for the score's real side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.common import parallel, progress
from pipeline.common.errors import InputError
from pipeline.data.archives.reader import Archive, ArchiveDamaged, open_archive
from pipeline.images import arrays, decode

_CHUNK = 32


def squashed_photos(
    raw: Path, *, side_px: int = 64, threads: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return every readable photo, whole, squashed to a square, decoded at full size.

    Args:
        threads: None for one a core. Their number changes neither order nor bytes.

    Returns:
        (N, side_px, side_px, 3) uint8, and the N file names, sorted.

    Raises:
        InputError: the archive is missing or damaged, or no photo in it is readable.
    """
    with open_archive(raw, "images") as archive:
        names = archive.names
        work = _Squash(archive, side_px)
        chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
        squashed = np.empty((len(names), side_px, side_px, 3), np.uint8)
        files = []
        faults: Counter[str] = Counter()
        with (
            decode.without_warnings(),
            progress.bar(label="photos", total=len(names), unit="photo") as bar,
        ):
            for chunk, done in zip(
                chunks, parallel.in_order_by_threads(work, chunks, threads=threads), strict=True
            ):
                for name, result in zip(chunk, done, strict=True):
                    if isinstance(result, str):
                        faults[result] += 1
                    else:
                        squashed[len(files)] = result
                        files.append(name)
                bar.update(len(chunk))
    if not files:
        raise InputError(f"{archive.path}: none of its {len(names):,} files is a readable image")
    if faults:
        listed = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items()))
        progress.say(f"left out {faults.total():,} of {len(names):,} photos: {listed}")
    return squashed[: len(files)], files


@dataclass(frozen=True)
class _Squash:
    archive: Archive
    side_px: int

    def __call__(self, names: Sequence[str]) -> list[np.ndarray | str]:
        return [self._one(name) for name in names]

    def _one(self, name: str) -> np.ndarray | str:
        try:
            return arrays.squash(decode.rgb(self.archive.read(name)), self.side_px)
        except ArchiveDamaged:
            return "damaged in the archive"
        except decode.Unreadable as error:
            return str(error)
