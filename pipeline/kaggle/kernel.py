"""A kernel's two files, its code and its metadata, as they lie in kernels/dcgan and as `kaggle
kernels push` takes them."""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.common import files
from pipeline.common.errors import PipelineError

METADATA = "kernel-metadata.json"
MAX_BYTES = 500_000  # of the code
_NAMES = ("id", "title", "code_file")  # of the metadata
NO_USERNAME = "INSERT_YOUR_USERNAME_HERE"

_MARK = re.compile(r'^MARK = "(\w+)"', re.M)
_PARAMETERS = re.compile(r"^PARAMETERS = r(?:'''|\"\"\")(.*?)(?:'''|\"\"\")", re.M | re.S)


@dataclass(frozen=True)
class Kernel:
    """A kernel's files.

    Attributes:
        code_file: name of the file with the code.
        code: its text, a script or a notebook's JSON.
        metadata: content of kernel-metadata.json.
    """

    code_file: str
    code: str
    metadata: dict[str, Any]

    @property
    def id(self) -> str:
        """`<username>/<slug>`."""
        return self.metadata["id"]

    @property
    def key(self) -> str:
        """SHA-256 of the code and of the settings beside it (machine, privacy, sources): what makes
        two kernels the same. The name is no part of it."""
        settings = {key: value for key, value in self.metadata.items() if key not in _NAMES}
        content = json.dumps([self.code, settings], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def log_mark(self) -> str:
        """What the kernel says at the start of its log, to be known by."""
        return _MARK.findall(_text(self.code))[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters in the code, read back."""
        return json.loads(_PARAMETERS.findall(_text(self.code))[0])


def save(folder: Path, kernel: Kernel) -> None:
    """Write a kernel's two files; nothing else stays in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    files.write_text(folder / kernel.code_file, kernel.code)
    files.write_json(folder / METADATA, kernel.metadata)


def load(folder: Path) -> Kernel:
    """Return the kernel of a folder.

    Raises:
        PipelineError: it is not there, or not whole.
    """
    try:
        metadata = json.loads((folder / METADATA).read_text("utf-8"))
        code_file = metadata["code_file"]
        code = (folder / code_file).read_text("utf-8")
        kernel = Kernel(code_file, code, metadata)
        if not (kernel.id and kernel.log_mark and kernel.parameters):
            raise ValueError
    except (OSError, ValueError, LookupError, TypeError):
        raise PipelineError(f"{folder}: no whole kernel; run `make bundle`") from None
    return kernel


def same_code(one: str, other: str) -> bool:
    """Return whether two code files hold the same code. Kaggle gives a notebook back as other
    JSON."""
    return _text(one) == _text(other)


def _text(code: str) -> str:
    """Return the code alone: a script's lines, or the cells of a notebook."""
    try:
        cells = json.loads(code)["cells"]
    except (ValueError, TypeError, KeyError):
        return code.replace("\r\n", "\n").strip()
    return "\n\n".join("".join(cell["source"]).strip() for cell in cells)
