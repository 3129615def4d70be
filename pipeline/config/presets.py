"""Presets: files `presets/NAME.yaml` with a sentence on top and lines of `section.key: value`.

A preset holds what differs from the defaults for one machine or one purpose. The preset `default`
holds every key, as the repository ships it.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pipeline
from pipeline.common.errors import InputError
from pipeline.config import content, keys

DEFAULT = "default"


@dataclass(frozen=True)
class Preset:
    """A preset as read.

    Attributes:
        file: its name in messages, `presets/NAME.yaml`.
        sentence: what it is for: the comment at the top of the file, as one line.
        values: values by dotted keys of params.yaml, each of them known; not checked otherwise.
    """

    file: str
    sentence: str
    values: dict[str, Any]


def folder_of(params_file: Path) -> Path:
    """Return the folder of the presets that belong to a params.yaml: `presets` beside it, or where
    there is none the one that this code came with."""
    beside = params_file.parent / "presets"
    return beside if beside.is_dir() else Path(pipeline.__file__).parent.parent / "presets"


def names(folder: Path) -> list[str]:
    """Return the names of the presets in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read(folder: Path, name: str) -> Preset:
    """Read a preset.

    Raises:
        InputError: there is none of this name, the file is broken, or it has a key that
            params.yaml does not have, or a key twice.
    """
    file = f"{folder.name}/{name}.yaml"
    known = names(folder)
    if name not in known:
        listed = f"there are {', '.join(known)}" if known else f"there are none in {folder}"
        raise InputError(f"{file}: no such preset; {listed}")
    path = folder / f"{name}.yaml"
    values = content.read_yaml(path, where=file)
    if not isinstance(values, dict):
        raise InputError(f"{file}: holds no lines of `section.key: value`")
    faults = [fault for key in values if (fault := keys.fault(str(key)))]
    if faults:
        raise InputError(f"{file}: {'; '.join(faults)}")
    return Preset(file, _sentence(path.read_text(encoding="utf-8")), values)


def _sentence(text: str) -> str:
    comment = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("#").strip() for line in comment)
