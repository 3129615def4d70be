"""A very small copy of the competition's data, and parameters that suit it."""

import dataclasses
import io
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.competitions.registry import COMPETITIONS
from pipeline.config import params
from pipeline.config.content import override, read
from tests.conftest import REPOSITORY
from tests.standins.kaggle_api import COMPETITION, SMALL, USER

# A competition like the dogs', that takes any number of images.
COMPETITIONS[SMALL] = dataclasses.replace(
    COMPETITIONS[COMPETITION], name=SMALL, counts=(1, 200_000)
)
COUNT = 40  # images of a submission here; Kaggle's 10,000 would take the tests too long
SMALL_VALUES: Mapping[str, Any] = {
    "device": "cpu",
    "competition": SMALL,
    "data.source": "kaggle",
    "crop.side_px": 32,
    "model.dcgan.channels": 4,
    "model.latent_dim": 8,
    "train.images": 64,
    "train.batch_size": 16,
    "train.log_every_images": 32,
    "train.sample_every_images": 64,
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
        members[f"all-dogs/{stem}.jpg"] = _photo(number, width, height)
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


def _photo(number: int, width: int, height: int) -> bytes:
    small = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(small).resize((width, height)).save(content, "JPEG", quality=90)
    return content.getvalue()


def parameters(changes: Mapping[str, Any] | None = None) -> params.Params:
    """The repository's parameters, made small. `changes` are `section.key: value`."""
    return params.parse(override(_stored(), SMALL_VALUES | dict(changes or {})), where="tests")


@cache
def _stored() -> dict[str, Any]:
    return read(REPOSITORY / "params.yaml")
