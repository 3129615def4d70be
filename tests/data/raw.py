"""Small `data/raw` folders to test with: photos whose pixels are known, annotations as VOC XML."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.data.archives import reader
from pipeline.data.cropping import photos

Edges = tuple[object, object, object, object]


def ramp(width: int = 100, height: int = 80, seed: int = 0) -> np.ndarray:
    """A picture that differs at each place and for each seed, (height, width, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([2 * x, 2 * y, (x + y + 40 * seed) % 200], axis=-1).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def voc(*boxes: Edges, size: tuple[int, int] | None = (100, 80)) -> bytes:
    """An annotation as Stanford Dogs writes it."""
    parts = ["<annotation>\n\t<folder>02085620</folder>\n\t<filename>%s</filename>"]
    if size:
        parts.append(f"<size><width>{size[0]}</width><height>{size[1]}</height></size>")
    for xmin, ymin, xmax, ymax in boxes:
        parts.append(
            "<object><name>dog</name><bndbox>"
            f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
            "</bndbox></object>"
        )
    return "\n".join([*parts, "</annotation>"]).encode()


def write(
    raw: Path, pictures: Iterable[tuple[str, bytes]], notes: Iterable[tuple[str, bytes]] = ()
) -> Path:
    """The two archives; returns `raw`."""
    raw.mkdir(parents=True, exist_ok=True)
    reader.write_tar(raw / "images.tar", pictures)
    reader.write_tar(raw / "annotation.tar", notes)
    return raw


def joined(raw: Path) -> tuple[list[photos.Photo], list[photos.Photo]]:
    """Photos and left-over annotations, all of them read."""
    with (
        reader.open_archive(raw, "images") as pictures,
        reader.open_archive(raw, "annotation") as notes,
    ):
        found = photos.join(pictures, notes)
        return [photos.read(match, notes) for match in found.matches], found.left_over
