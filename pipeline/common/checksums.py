"""The SHA-256 of files, listed in a small file beside them: for formats that carry no checksum of
their own. A tar, for one, has none of its members' bytes."""

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.common import files
from pipeline.common.errors import InputError

LISTING = "sha256.json"


def write(folder: Path, names: Iterable[str]) -> None:
    """List these files of the folder in `folder/sha256.json`."""
    digests = {name: files.sha256(folder / name) for name in sorted(names)}
    files.write_json(folder / LISTING, digests)


def require(path: Path, *, made_by: str) -> None:
    """Compare a file with the listing beside it. Where there is no listing, as of files made
    elsewhere, the file is taken as it is.

    Args:
        made_by: name of the stage that writes the file.

    Raises:
        InputError: the file or the listing is damaged, or the file is not listed.
    """
    listing = path.with_name(LISTING)
    if not listing.is_file():
        return
    cure = f"run the {made_by} stage again, or see `python -m pipeline verify`"
    try:
        digests = json.loads(listing.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{listing}: damaged ({error}); {cure}") from None
    if not isinstance(digests, dict) or path.name not in digests:
        raise InputError(f"{listing}: does not list {path.name}; {cure}")
    if files.sha256(path) != digests[path.name]:
        raise InputError(f"{path}: damaged, its checksum is another; {cure}")
