"""Small `data/raw` folders to test with: archives of photos and of annotations as VOC XML."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.data.archives import reader
from pipeline.data.cropping import photos

Edges = tuple[object, object, object, object]


def voc(*boxes: Edges, size: tuple[int, int] | None = (100, 80)) -> bytes:
    """Return an annotation as Stanford Dogs writes it."""
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
    """Write the two archives; return `raw`."""
    raw.mkdir(parents=True, exist_ok=True)
    reader.write_tar(raw / "images.tar", pictures)
    reader.write_tar(raw / "annotation.tar", notes)
    return raw


def read_photos(raw: Path) -> tuple[list[photos.Photo], list[photos.Photo]]:
    """Return the photos with their annotations, and the annotations left over, all of them read."""
    with (
        reader.open_archive(raw, "images") as pictures,
        reader.open_archive(raw, "annotation") as notes,
    ):
        found = photos.join(pictures, notes)
        return [photos.read(match, notes) for match in found.matches], found.left_over
