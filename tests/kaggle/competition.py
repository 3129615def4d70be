"""A very small copy of the competition's data, and parameters that suit it."""

import dataclasses
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.competitions.registry import COMPETITIONS
from pipeline.config import params
from tests import factories
from tests.standins.kaggle_api import COMPETITION, SMALL, USER

# A competition like the dogs', that takes any number of images.
COMPETITIONS[SMALL] = dataclasses.replace(
    COMPETITIONS[COMPETITION], name=SMALL, counts=(1, 200_000)
)
COUNT = 40  # images of a submission here; Kaggle's 10,000 would take the tests too long
SMALL_VALUES: Mapping[str, Any] = {
    **factories.TINY,
    "competition": SMALL,
    "data.source": "kaggle",
    "crop.side_px": 32,
    "generate.count": COUNT,
    "kaggle.username": USER,
    "kaggle.preset": None,
    "kaggle.timeout_s": 0.6,
    "kaggle.retries": 1,
    "kaggle.retry_delay_s": 0.01,
    "submit.poll_s": 0.05,
}
BREEDS = ("n02085620-Chihuahua", "n02085782-Japanese_spaniel")

ANNOTATION = """<annotation>
\t<folder>{folder}</folder>
\t<filename>{stem}</filename>
\t<size><width>{width}</width><height>{height}</height><depth>3</depth></size>
\t<object>
\t\t<name>{breed}</name>
\t\t<bndbox><xmin>8</xmin><ymin>6</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>
\t</object>
</annotation>
"""


def write_data(folder: Path, *, photos: int = 24, nesting: str = "annotation/Annotation") -> None:
    """The data as a kernel finds it: `all-dogs/all-dogs/*.jpg`, `<nesting>/<breed>/<id>`."""
    for name, data in _members(photos).items():
        place = name.replace("Annotation", nesting, 1).replace("all-dogs/", "all-dogs/all-dogs/")
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_zips(folder: Path, *, photos: int = 24) -> None:
    """The same data as the API gives it: all-dogs.zip and Annotation.zip."""
    folder.mkdir(parents=True, exist_ok=True)
    members = _members(photos)
    for archive_name, prefix in (("all-dogs.zip", "all-dogs/"), ("Annotation.zip", "Annotation/")):
        with zipfile.ZipFile(folder / archive_name, "w") as archive:
            for name, content in members.items():
                if name.startswith(prefix):
                    archive.writestr(name, content)


def _members(photos: int) -> dict[str, bytes]:
    members = {}
    for number in range(photos):
        breed = BREEDS[number % 2]
        folder, _, name = breed.partition("-")
        stem = f"{folder}_{number + 1}"
        width, height = 90 + number, 80 + 2 * number
        members[f"all-dogs/{stem}.jpg"] = factories.jpeg(
            factories.photo(width, height, seed=number)
        )
        members[f"Annotation/{breed}/{stem}"] = ANNOTATION.format(
            folder=folder,
            stem=stem,
            breed=name,
            width=width,
            height=height,
            right=width - 5,
            bottom=height - 7,
        ).encode()
    return members


def write_paintings(folder: Path, *, count: int = 8) -> None:
    """The open competition's data as a kernel finds them: paintings, photos and records."""
    for number in range(count):
        for name, seed in (("monet_jpg", number), ("photo_jpg", 100 + number)):
            path = folder / name / f"{number:010x}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(factories.jpeg(factories.photo(256, 256, seed=seed)))
    (folder / "monet_tfrec").mkdir()
    (folder / "monet_tfrec" / "monet00-8.tfrec").write_bytes(b"records")


def write_paintings_zip(path: Path, *, count: int = 8) -> None:
    """The same data as the API gives it: one zip of all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        write_paintings(Path(name), count=count)
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(Path(name).rglob("*.*")):
                archive.write(file, file.relative_to(name).as_posix())


def parameters(changes: Mapping[str, Any] | None = None) -> params.Params:
    """Return the shipped parameters made `SMALL_VALUES`, with changes, `section.key: value`."""
    return factories.parameters({**SMALL_VALUES, **(changes or {})})
