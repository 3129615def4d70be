"""The photos of `data/raw`, each joined with its annotation, and the annotations left over."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.common import parallel, progress
from pipeline.common.errors import InputError
from pipeline.data.archives.reader import Archive, ArchiveDamaged, open_archive
from pipeline.data.cropping import annotations
from pipeline.data.cropping.boxes import Box
from pipeline.images import arrays, decode

NO_PHOTO = "no photo"
SECOND_ANNOTATION = "second annotation of a photo"
SECOND_PHOTO = "second photo of an annotation"
BROKEN_ANNOTATION = "broken annotation"
UNREADABLE = "unreadable photo"

_CHUNK = 32


@dataclass(frozen=True)
class Photo:
    """One picture of the image archive, or (in `Join.left_over`) an annotation without one.

    Attributes:
        file: name in its archive.
        class_name: from the annotation's folder, else from the photo's, without the synset; ""
            where neither has one.
        annotation: the annotation's name in its archive, or "".
        size: (width, height) of the photo according to the annotation, or None.
        boxes: as annotated; None for one that isn't four numbers. Empty: no box.
        problem: "" or why it cannot be cropped.
    """

    file: str
    class_name: str
    annotation: str = ""
    size: tuple[int, int] | None = None
    boxes: tuple[Box | None, ...] = ()
    problem: str = ""


class Match(NamedTuple):
    """A photo's name in its archive, its annotation's or "", and "" or why it cannot be cropped."""

    file: str
    annotation: str
    problem: str


@dataclass(frozen=True)
class Join:
    """All that the two archives hold: every photo once, every annotation once.

    Attributes:
        matches: one for each file of the image archive, sorted by name.
        left_over: annotations without a photo, sorted by name.
    """

    matches: list[Match]
    left_over: list[Photo]


def join(pictures: Archive, notes: Archive) -> Join:
    """Match photos with annotations by folder and name.

    `Images/<synset>-<Breed>/<id>.jpg` goes with `Annotation/<synset>-<Breed>/<id>`, with or
    without `.xml`. A photo in a folder that has no annotations at all (Kaggle's flat
    `all-dogs/<id>.jpg`) goes with the annotation of its name, if just one has it.

    Raises:
        InputError: there is no picture at all.
    """
    if not pictures.names:
        raise InputError(f"{pictures.path}: holds no file; run the download stage again")
    by_place: dict[tuple[str, str], str] = {}
    by_stem: dict[str, list[str]] = {}
    left_over: dict[str, str] = {}
    for name in notes.names:
        place = (_folder(name), _stem(name))
        if place in by_place:
            left_over[name] = SECOND_ANNOTATION
        else:
            by_place[place] = name
            by_stem.setdefault(place[1], []).append(name)
    folders = {folder for folder, _ in by_place}

    matches, taken = [], set()
    for file in pictures.names:
        folder, stem = _folder(file), _stem(file)
        name = by_place.get((folder, stem), "")
        if not name and folder not in folders and len(by_stem.get(stem, ())) == 1:
            name = by_stem[stem][0]
        matches.append(Match(file, name, SECOND_PHOTO if name in taken else ""))
        if name:
            taken.add(name)
    left_over |= {name: NO_PHOTO for name in by_place.values() if name not in taken}
    return Join(
        matches, [_annotated(name, name, notes, left_over[name]) for name in sorted(left_over)]
    )


def read(match: Match, notes: Archive) -> Photo:
    """The photo with what its annotation says; a broken annotation is the photo's problem."""
    file, name, problem = match
    if name and not problem:
        return _annotated(file, name, notes)
    return Photo(file, class_of(name or file), name, problem=problem)


def _annotated(file: str, name: str, notes: Archive, problem: str = "") -> Photo:
    class_name = class_of(name)
    try:
        found = annotations.parse(notes.read(name))
    except (annotations.BrokenAnnotation, ArchiveDamaged):
        return Photo(file, class_name, name, problem=problem or BROKEN_ANNOTATION)
    return Photo(file, class_name, name, found.size, found.boxes, problem)


def class_of(name: str) -> str:
    """`Images/n02085620-Chihuahua/n02085620_7.jpg` -> `Chihuahua`; "" without such a folder."""
    top, *folders = name.split("/")[:-1] or [""]
    if not folders or folders[-1] == top:
        return ""
    return re.sub(r"^n\d{8}-", "", folders[-1])


def _folder(name: str) -> str:
    return name.split("/")[-2] if "/" in name else ""


def _stem(name: str) -> str:
    last = name.rpartition("/")[2]
    return os.path.splitext(last)[0] or last


# --- whole photos, for the score's real side ----------------------------------------------------


def squashed_photos(
    raw: Path, *, side_px: int = 64, threads: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Every readable photo, whole, squashed to a square, decoded at full size.

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
        raise InputError(f"{archive.path}: none of its {len(names):,} files is a readable picture")
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
