"""The plain content of parameter files: read and changed, not checked against the schema.

A Kaggle kernel gets its parameters as JSON, so YAML is imported for .yaml files alone.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.common.errors import InputError


def read(path: Path) -> dict[str, Any]:
    """Return the sections of params.yaml (or the same as .json), unchecked.

    Raises:
        InputError: the file is missing, broken or holds no sections.
    """
    if not path.exists():
        raise InputError(f"{path}: not found; run from the folder that holds params.yaml")
    if path.suffix == ".json":
        try:
            content = json.loads(_text(path))
        except json.JSONDecodeError as error:
            raise InputError(f"{path.name}: not JSON ({error})") from None
    else:
        content = parse_yaml(_text(path), where=path.name)
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: holds no sections")
    return content


def read_yaml(path: Path, *, where: str) -> Any:
    """Return the plain content of a YAML file. `where` names it in messages.

    Raises:
        InputError: the file cannot be read, is no YAML, or has a key twice.
    """
    return parse_yaml(_text(path), where=where)


def parse_yaml(text: str, *, where: str) -> Any:
    """Return the plain content of a YAML 1.2 text. `where` names its origin in messages.

    Raises:
        InputError: it is no YAML, or has a key twice.
    """
    # YAML 1.2: DVC writes `-S train.lr=3e-5` as `3e-05`, which PyYAML (YAML 1.1) reads as a string.
    from ruamel.yaml import YAML, YAMLError
    from ruamel.yaml.constructor import DuplicateKeyError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        raise InputError(f"{where}: line {line}: {error.problem}: each key once") from None
    except (YAMLError, ValueError) as error:  # ValueError: the 99th of a month, a number too long
        reason = " ".join(str(error).split())
        raise InputError(f"{where}: not YAML ({reason})") from None


def override(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of plain content with changes made, unchecked.

    Args:
        changes: values by dotted keys, `section.key` or `section.sub_section.key`.

    Raises:
        InputError: a key names a section that is not there.
    """
    changed = copy.deepcopy(dict(content))
    for name, value in changes.items():
        *sections, key = name.split(".")
        target = changed
        for depth, section in enumerate(sections):
            target = target.get(section)
            if not isinstance(target, dict):
                raise InputError(f"{name}: there is no section {'.'.join(sections[: depth + 1])!r}")
        target[key] = value
    return changed


def flatten(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by their dotted keys, in the order of the content. A list is a value."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": inner for name, inner in flatten(value).items()}
        else:
            flat[str(key)] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections that dotted keys name: the inverse of `flatten`."""
    content: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, key = name.split(".")
        target = content
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = value
    return content


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
