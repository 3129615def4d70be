"""The keys of params.yaml, dotted (`section.sub_section.key`), and what to say of others."""

import difflib
from collections.abc import Iterator

from pydantic import BaseModel

from pipeline.config.schema import Params


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """Yield the dotted keys of a section and of its sub-sections, in the schema's order."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for key in keys_of(field.annotation):
                yield f"{name}.{key}"
        else:
            yield name


KEYS = tuple(keys_of(Params))


def fault(key: str) -> str | None:
    """Return what is wrong with a dotted key, or None for a key of params.yaml."""
    if key in KEYS:
        return None
    inner = [name for name in KEYS if name.startswith(f"{key}.")]
    if inner:
        return f"{key}: a section, not a value; set its keys, such as {inner[0]}"
    near = _nearest(key)
    return f"{key}: unknown key ({f'did you mean {near}?' if near else 'misspelt?'})"


def _nearest(key: str) -> str | None:
    """Return the key that was probably meant: the only one with the same last part, in all of
    params.yaml or in its section, else one that is spelt almost the same."""
    last = key.split(".")[-1]
    same = [name for name in KEYS if name.split(".")[-1] == last]
    same_section = [name for name in same if name.split(".")[0] == key.split(".")[0]]
    for found in (same, same_section):
        if len(found) == 1:
            return found[0]
    close = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.85)
    return close[0] if close else None
