"""The pool in a file, since certifying takes half a minute."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from pipeline.common import files
from pipeline.sudoku.digits.pool import Picture, Pool, Reject


def save(path: Path, pool: Pool, made_from: str) -> None:
    """Write what `load` reads, whole or not at all.

    Args:
        made_from: names the networks; another one makes the file useless.
    """
    pictures = [picture for of_digit in pool.pictures for picture in of_digit]
    content = {
        "made_from": made_from,
        "pictures": [[each.digit, each.confidence] for each in pictures],
        "tried": pool.tried,
        "rejects": [[each.asked, each.read, each.confidence] for each in pool.rejects],
        "is_conditional": pool.is_conditional,
    }
    with files.atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr("pool.json", json.dumps(content))
        for kind, listed in (("picture", pictures), ("reject", pool.rejects)):
            for number, each in enumerate(listed):
                archive.writestr(f"{kind}-{number}.png", each.png)


def load(path: Path, made_from: str) -> Pool | None:
    """Return the pool; None where there is no such file, it is not whole, or it is of other
    networks: then a new one is to be made."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("pool.json"))
            if content["made_from"] != made_from:
                return None
            pictures: list[list[Picture]] = [[] for _ in range(10)]
            for number, (digit, confidence) in enumerate(content["pictures"]):
                png = archive.read(f"picture-{number}.png")
                pictures[digit].append(Picture(digit, confidence, png))
            rejects = tuple(
                Reject(asked, read, confidence, archive.read(f"reject-{number}.png"))
                for number, (asked, read, confidence) in enumerate(content["rejects"])
            )
            return Pool(
                pictures=tuple(map(tuple, pictures)),
                tried=tuple(content["tried"]),
                rejects=rejects,
                is_conditional=content["is_conditional"],
            )
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile):
        return None
