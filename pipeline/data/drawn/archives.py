"""Drawn dogs as the two archives of Stanford Dogs."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from pipeline.common import parallel
from pipeline.common.progress import bar
from pipeline.data.archives.reader import write_tar
from pipeline.data.drawn.breeds import BREEDS
from pipeline.data.drawn.scene import Scene, scene

_JPEG_QUALITY = 90


def write(raw: Path, *, pictures: int, seed: int, processes: int | None = None) -> None:
    """Write `images.tar` and `annotation.tar` below `raw`, each whole or not at all.

    The bytes depend on `pictures`, `seed` and the version of Pillow (and NumPy), not on
    `processes` (None: one a core).

    Raises:
        WorkerDied: a process that draws was ended from outside.
    """
    # By breed, as an archive of folders is.
    numbers = sorted(range(pictures), key=lambda number: (number % len(BREEDS), number))
    annotations: list[tuple[str, bytes]] = []

    def images(drawn: Iterable[tuple[str, bytes, bytes]]) -> Iterator[tuple[str, bytes]]:
        for name, jpeg, xml in bar(drawn, label="drawing", total=pictures, unit="photo"):
            annotations.append((f"Annotation/{name}", xml))
            yield f"Images/{name}.jpg", jpeg

    jobs = [(seed, number) for number in numbers]
    write_tar(raw / "images.tar", images(parallel.in_order(_files, jobs, processes=processes)))
    write_tar(raw / "annotation.tar", annotations)


def _files(job: tuple[int, int]) -> tuple[str, bytes, bytes]:
    """Return one photo: its name below `Images/` without the extension, its JPEG and its XML."""
    seed, number = job
    drawn = scene(seed, number)
    synset = drawn.breed.synset
    identifier = f"{synset}_{number + 1}"
    buffer = io.BytesIO()
    drawn.image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    xml = _annotation(drawn, identifier)
    return f"{synset}-{drawn.breed.name}/{identifier}", buffer.getvalue(), xml


def _annotation(drawn: Scene, identifier: str) -> bytes:
    """Return a VOC annotation with the fields of Stanford Dogs."""
    width, height = drawn.image.size
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, tag: str, text: object) -> None:
        ElementTree.SubElement(parent, tag).text = str(text)

    add(root, "folder", drawn.breed.synset.removeprefix("n"))
    add(root, "filename", identifier)
    add(ElementTree.SubElement(root, "source"), "database", "Drawn dogs")
    size = ElementTree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        add(size, tag, value)
    add(root, "segment", 0)
    for box in drawn.boxes:
        left, top, right, bottom = box
        cut = left == 0 or top == 0 or right == width or bottom == height
        dog = ElementTree.SubElement(root, "object")
        for tag, value in (
            ("name", drawn.breed.name),
            ("pose", "Unspecified"),
            ("truncated", int(cut)),
            ("difficult", 0),
        ):
            add(dog, tag, value)
        bounds = ElementTree.SubElement(dog, "bndbox")
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            add(bounds, tag, value)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root) + b"\n"
