"""`use`: writes a preset, and values beside it, into params.yaml."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.config import content, keys, params, presets

# Sections that say where things run and for whom, not what a system is.
KEPT = ("device", "kaggle", "submit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a preset's name and values to set beside it."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="presets/NAME.yaml; none: list all")
    parser.add_argument(
        "values",
        nargs="*",
        metavar="section.key=value",
        help="set after the preset, such as train.lr=1e-4, model.latent_dim=64, "
        "'train.adversarial.real_labels=[0.9, 1.0]'",
    )


def run(options: argparse.Namespace) -> None:
    """Set params.yaml to the defaults, with the preset's values and those given; print each change.

    The machine and the account stay as they are (sections `KEPT`), unless the preset or a value
    given names them; the preset `default` sets them back, too. Nothing is written unless the whole
    is valid.

    Raises:
        InputError: there is no such preset, or it is broken; an argument is no `key=value`; a key
            is unknown or given twice, or a value out of range; params.yaml is not there, or has
            other keys than the schema.
    """
    path = options.params or options.root / "params.yaml"
    folder = presets.folder_of(path)
    if options.name is None:
        names = presets.names(folder)
        width = max(map(len, names), default=0)
        for name in names:
            progress.say(f"{name:<{width}}  {presets.read(folder, name).sentence}")
        return
    if "=" in options.name:
        raise InputError(f"{options.name}: name a preset first: use default {options.name}")
    if path.suffix == ".json":
        raise InputError(f"{path}: `use` writes YAML files only")
    before = _values_now(path)
    values = chosen(folder, options.name, options.values, before)
    # As text, since 1 and true are equal and 1 and 1.0 are, too.
    changes = {key: value for key, value in values.items() if repr(value) != repr(before[key])}
    progress.heading("use", f"presets/{options.name}.yaml -> {path}")
    if changes:
        from pipeline.config import edit

        edit.write(path, changes)
        for key, value in changes.items():
            progress.say(f"{key}: {edit.shown(before[key])} -> {edit.shown(value)}")
    else:
        progress.say("nothing to change")


def chosen(
    folder: Path, name: str, assignments: Iterable[str], before: dict[str, Any]
) -> dict[str, Any]:
    """Return all values by dotted keys: the defaults, a preset's, and those given, checked whole.

    Args:
        folder: where the presets lie.
        name: of the preset.
        assignments: `section.key=value` each, the value in YAML.
        before: the values now, of which those in `KEPT` stay.

    Raises:
        InputError: as `run`.
    """
    preset = presets.read(folder, name)
    given = _parse(assignments)
    defaults = presets.read(folder, presets.DEFAULT)
    kept = {key: value for key, value in before.items() if key.split(".")[0] in KEPT}
    if name == presets.DEFAULT:
        kept = {}
    values = defaults.values | kept | preset.values | given
    where = f"{preset.file} and the values given" if given else preset.file
    params.check(content.nest(values), where=where, folder=folder)
    return values


def _values_now(path: Path) -> dict[str, Any]:
    """Return the values in params.yaml, whatever they are, where its keys are those known."""
    values = content.flatten(content.read(path))
    faults = [fault for key in values if (fault := keys.fault(key))]
    faults += [f"{key}: missing" for key in keys.KEYS if key not in values]
    if faults:
        raise InputError(f"{path.name}: {'; '.join(faults)}")
    return values


def _parse(assignments: Iterable[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not text.strip():
            raise InputError(f"{assignment!r}: not section.key=value")
        if fault := keys.fault(key):
            raise InputError(fault)
        if key in values:
            raise InputError(f"{assignment}: {key} is given twice")
        values[key] = content.parse_yaml(text, where=assignment)
    return values
