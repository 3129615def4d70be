"""Changes values in params.yaml and keeps its comments, its layout and what was not changed."""

import io
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import PlainScalarString
from ruamel.yaml.tokens import CommentToken

from pipeline.common import files

_FLOAT_FROM, _FLOAT_TO = 1e-3, 1e16  # outside of these a number is written with an exponent
_BESIDE = 2  # ruamel.yaml's index of the comment beside a value, among the comments of a key


def write(path: Path, changes: Mapping[str, Any]) -> None:
    """Set values by their dotted keys, which the file has. It changes whole or not at all."""
    yaml = writer()
    text = path.read_text(encoding="utf-8")
    content = yaml.load(text)
    for name, value in changes.items():
        *sections, key = name.split(".")
        target = content
        for section in sections:
            target = target[section]
        target[key] = _styled(value, target[key])
        if key in target.ca.items:
            _align(target.ca.items[key][_BESIDE], text)
    written = io.StringIO()
    yaml.dump(content, written)
    files.write_text(path, written.getvalue())


def writer() -> YAML:
    """Return a YAML reader and writer in the style of params.yaml."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.preserve_quotes = True
    yaml.width = 10_000  # no line is broken
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def shown(value: Any) -> str:
    """Return a value as a line of text would show it: null, true, 3.0e-4, [0.9, 1.0], drawn."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def float_text(value: float) -> str:
    """Return the shortest text that is this number to YAML 1.1, YAML 1.2 and JSON: 0.03, 3.0e-4."""
    if value == 0 or _FLOAT_FROM <= abs(value) < _FLOAT_TO:
        return repr(value)
    mantissa, exponent = f"{Decimal(repr(value)):E}".split("E")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent}"


def _styled(value: Any, old: Any) -> Any:
    """Return a value in the style that the file gives it: a text with quotes only where it needs
    them, a list in one line or with a line for each entry, as the old one."""
    if isinstance(value, str):
        return PlainScalarString(value)
    if not isinstance(value, list):
        return value
    styled = CommentedSeq(value)
    if isinstance(old, CommentedSeq) and not old.fa.flow_style():
        styled.fa.set_block_style()
        # What follows the list, such as the next section's heading, hangs on its last entry.
        if (after := old.ca.items.get(len(old) - 1)) is not None:
            styled.ca.items[len(value) - 1] = after
    else:
        styled.fa.set_flow_style()
    return styled


def _align(comment: CommentToken | None, text: str) -> None:
    """Let a comment that a long value had pushed aside go back to the column of the others, that
    of most comments with a line of their own."""
    columns = Counter(map(len, re.findall(r"^( +)#", text, re.MULTILINE)))
    if comment is not None and columns:
        line = text.splitlines()[comment.start_mark.line]
        if not line[: comment.column].endswith("  "):
            comment.column = columns.most_common(1)[0][0]


class _Representer(RoundTripRepresenter):
    """Writes null as `null` and numbers as `float_text` does."""

    def null(self, _: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")

    def number(self, value: float) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:float", float_text(value))


_Representer.add_representer(type(None), _Representer.null)
_Representer.add_representer(float, _Representer.number)
