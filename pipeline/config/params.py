"""Reads params.yaml and checks it against the schema, once, at the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipeline.common.errors import InputError
from pipeline.config import keys, presets
from pipeline.config.content import override, read
from pipeline.config.schema import Params


def load(path: Path) -> Params:
    """Read and check params.yaml (or the same as .json), and the kernel's preset with it.

    Raises:
        InputError: a file is missing or broken, or a key is unknown, missing or out of range.
            The message names each such key, its value and the rule.
    """
    return check(read(path), where=path.name, folder=presets.folder_of(path))


def check(content: Mapping[str, Any], *, where: str, folder: Path) -> Params:
    """Check plain content, and also as a kernel would run it hours from now: with the preset that
    `kaggle.preset` names.

    Args:
        where: the content's origin in messages.
        folder: where the presets lie.

    Raises:
        InputError: as `load`.
    """
    checked = parse(content, where=where)
    if checked.kaggle.preset is not None:
        try:
            preset = presets.read(folder, checked.kaggle.preset)
        except InputError as error:
            raise InputError(f"{where}: kaggle.preset: {error}") from None
        parse(override(content, preset.values), where=f"{where}, with {preset.file}")
    return checked


def parse(content: Mapping[str, Any], *, where: str) -> Params:
    """Check plain content against the schema. `where` names its origin in messages.

    Raises:
        InputError: as `load`.
    """
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{where}: {_describe(error)}") from None


def parse_section(name: str, content: Any) -> Any:
    """Check one section by itself: a Kaggle kernel carries only those that it reads.

    Raises:
        InputError: as `load`.
    """
    try:
        return TypeAdapter(Params.model_fields[name].annotation).validate_python(content)
    except ValidationError as error:
        raise InputError(f"parameters: {_describe(error, name)}") from None


def _describe(error: ValidationError, *sections: str) -> str:
    """Return all faults in one line. `sections`: what was checked, where it was a part."""
    return "; ".join(
        _describe_one(".".join([*sections, *map(str, fault["loc"])]), fault)
        for fault in error.errors()
    )


def _describe_one(key: str, fault: Mapping[str, Any]) -> str:
    if fault["type"] in ("extra_forbidden", "model_type"):
        return keys.fault(key) or f"{key}: unknown key here (sections are nested in this file)"
    if fault["type"] == "missing":
        return f"{key}: missing"
    rule = fault["msg"].removeprefix("Value error, ")
    value = fault["input"]
    if isinstance(value, (dict, BaseModel)):
        return f"{key or 'parameters'}: {rule}"
    return f"{key} = {value!r}: {rule[0].lower()}{rule[1:]}"
