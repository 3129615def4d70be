"""Reads params.yaml and checks it against the schema, once, at the command line.

Inside a Kaggle kernel the same parameters travel as JSON, so YAML is imported for .yaml alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipeline.common.errors import InputError
from pipeline.config.schema import Params


def load(path: Path) -> Params:
    """Read and check params.yaml (or the same as .json).

    Raises:
        InputError: the file is missing or broken, or a key is unknown, missing or out of range.
            The message names each such key, its value and the rule.
    """
    return parse(read(path), where=path.name)


def read(path: Path) -> dict[str, Any]:
    """The file's plain content, unchecked."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run from the folder that holds params.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if path.suffix == ".json":
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{path.name}: not JSON ({error})") from None
    else:
        # YAML 1.2: DVC writes `-S train.lr=3e-5` as `3e-05`, which PyYAML reads as a string.
        from ruamel.yaml import YAML, YAMLError

        try:
            content = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path.name}: not YAML ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: holds no sections")
    return content


def parse(content: Mapping[str, Any], *, where: str) -> Params:
    """Check plain content against the schema. `where` names its origin in messages.

    Raises:
        InputError: as `load`.
    """
    try:
        checked = Params.model_validate(content)
    except ValidationError as error:
        raise _refusal(error, where) from None
    if changes := checked.kaggle.kernel_params:
        # What a kernel would run with hours from now is checked now, and whole.
        inside = override(content, {**changes, "kaggle.kernel_params": {}})
        parse(inside, where=f"{where}, with kaggle.kernel_params")
    return checked


def parse_section(name: str, content: Any) -> Any:
    """Check one section by itself: a Kaggle kernel carries only those that it reads.

    Raises:
        InputError: as `load`.
    """
    try:
        return TypeAdapter(Params.model_fields[name].annotation).validate_python(content)
    except ValidationError as error:
        raise _refusal(error, name) from None


def override(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of plain content with `section.key: value` changes made (unchecked)."""
    changed = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in content.items()
    }
    for name, value in changes.items():
        section, _, key = name.partition(".")
        if not key:
            changed[section] = value
        elif isinstance(changed.get(section), dict):
            changed[section][key] = value
        else:
            raise InputError(f"{name}: there is no section {section!r}")
    return changed


def _refusal(error: ValidationError, where: str) -> InputError:
    return InputError(f"{where}: " + "; ".join(_describe(fault) for fault in error.errors()))


def _describe(fault: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "parameters"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key (misspelt?)"
    if fault["type"] == "missing":
        return f"{key}: missing"
    rule = fault["msg"].removeprefix("Value error, ")
    value = fault["input"]
    if isinstance(value, (dict, BaseModel)):
        return f"{key}: {rule}"
    return f"{key} = {value!r}: {rule[0].lower()}{rule[1:]}"
