"""presets/default.yaml from params.yaml, after a change of what the repository ships.

`python -m tests.config.default_preset` writes it.
"""

import io

from pipeline.common import files
from pipeline.config import content, edit
from tests.conftest import REPOSITORY

SENTENCE = "# What the repository ships: drawn dogs and a small DCGAN, for two cores and no GPU.\n"


def text() -> str:
    """The preset as it should be: every key of params.yaml with its value, in the same order."""
    written = io.StringIO()
    yaml = edit.writer()
    yaml.default_flow_style = None  # lists in one line
    yaml.dump(content.flatten(content.read(REPOSITORY / "params.yaml")), written)
    return SENTENCE + written.getvalue()


if __name__ == "__main__":
    files.write_text(REPOSITORY / "presets" / "default.yaml", text())
