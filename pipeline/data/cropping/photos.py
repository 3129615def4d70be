"""The photos of `data/raw`, each with its annotation, and the annotations left over."""

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.data.archives import names
from pipeline.data.archives.reader import Archive, ArchiveDamaged
from pipeline.data.cropping import annotations
from pipeline.data.cropping.boxes import Box

NO_PHOTO = "no photo"
SECOND_ANNOTATION = "second annotation of a photo"
SECOND_PHOTO = "second photo of an annotation"
BROKEN_ANNOTATION = "broken annotation"
UNREADABLE = "unreadable photo"

# Folders below the archive's top one, and a name: where an annotation is looked for.
_Key = tuple[tuple[str, ...], str]


@dataclass(frozen=True)
class Photo:
    """One photo of the image archive, or (in `Join.left_over`) an annotation without one.

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


def join(images: Archive, notes: Archive) -> Join:
    """Match photos with annotations by folder and name.

    An annotation is called like its photo, with or without the photo's suffix, with or without
    `.xml`: `Images/<synset>-<Breed>/<id>.jpg` goes with `Annotation/<synset>-<Breed>/<id>`. The
    full name (`<id>.jpg.xml`) goes first. Names are compared as `names.same_text`; of paths first
    all folders below the top one, then the last folder. A photo in a folder that has no annotations
    at all (Kaggle's flat `all-dogs/<id>.jpg`) goes with the annotation of its name, if just one has
    it.

    Args:
        images, notes: the two archives.

    Raises:
        InputError: there is no photo at all.
    """
    images.require_files()
    left_over: dict[str, str] = {}
    # Where an annotation is looked for -> the annotations that are there.
    by_path, by_folder, by_name = (defaultdict[_Key, list[str]](list) for _ in range(3))
    for name in notes.names:
        folders, key = _split(name, ".xml")
        if (folders, key) in by_path:
            left_over[name] = SECOND_ANNOTATION
            continue
        by_path[folders, key].append(name)
        by_folder[folders[-1:], key].append(name)
        by_name[(), key].append(name)
    annotated = {folders for folders, _ in by_folder}

    found: dict[str, str] = {}
    taken: set[str] = set()
    second: set[str] = set()
    # The surest matches go first, so that no photo loses its annotation to one of another folder.
    places: dict[str, tuple[_Key, ...]] = {}
    for file in sorted(images.names, key=lambda name: (name.count("/"), name)):
        folders, name = _split(file)
        places[file] = ((folders, name), (folders[-1:], name), ((), name))
    for number, table in enumerate((by_path, by_folder, by_name)):
        for file, keys in places.items():
            folder = keys[1][0]
            if file in found or (table is by_name and folder in annotated):
                continue
            if note := _only_one(table, *keys[number]):
                if note in taken:
                    second.add(file)
                taken.add(note)
                found[file] = note
    left_over |= {
        name: NO_PHOTO for name in notes.names if name not in taken and name not in left_over
    }
    return Join(
        [
            Match(file, found.get(file, ""), SECOND_PHOTO if file in second else "")
            for file in images.names
        ],
        [_annotated(name, name, notes, left_over[name]) for name in sorted(left_over)],
    )


def _only_one(table: dict[_Key, list[str]], folders: tuple[str, ...], name: str) -> str:
    """Return the annotation of the photo `name` in one of the tables, or "" where there is none, or
    several: by the photo's full name, else by the name without its suffix."""
    stem = os.path.splitext(name)[0] or name
    for key in (name, stem):
        notes = table.get((folders, key), [])
        if len(notes) == 1:
            return notes[0]
    return ""


def _split(name: str, without: str = "") -> _Key:
    """Return a member's folders below the top one, and its own name less a suffix; both as they are
    compared."""
    *folders, last = names.same_text(name).split("/")
    if without and last.lower().endswith(without):
        last = last[: -len(without)] or last
    return tuple(folders[1:]), last


def read(match: Match, notes: Archive) -> Photo:
    """Return the photo with what its annotation says; a broken annotation is its problem."""
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
    """Return the class in a member's name: `Images/n02085620-Chihuahua/n02085620_7.jpg` gives
    `Chihuahua`; "" without such a folder."""
    top, *folders = name.split("/")[:-1] or [""]
    if not folders or folders[-1] == top:
        return ""
    return re.sub(r"^n\d{8}-", "", folders[-1])
