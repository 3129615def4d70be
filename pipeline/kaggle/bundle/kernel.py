"""Packs the chain into one kernel for Kaggle: parameters and sources in a script or a notebook.

Only the code file of a kernel travels, so it carries the package as readable text. Weights of
feature networks stay at home: on Kaggle the chain ends with the zip, which is scored there.
"""

import ast
import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.common import files
from pipeline.common.errors import PipelineError
from pipeline.kaggle.bundle import kernel_main, notebook

MAX_BYTES = 500_000
METADATA = "kernel-metadata.json"
NO_USERNAME = "INSERT_YOUR_USERNAME_HERE"

# Rooms and sources that are of no use where there is no network and the data is at hand.
LEFT_OUT = re.compile(
    r"pipeline/(kaggle|scoring|report|commands|download|data/drawn)/|pipeline/__main__\.py"
    r"|pipeline/data/sources/(drawn|stanford_dogs|folder)"
)

_MARK = re.compile(r'^MARK = "(\w+)"', re.M)
_PARAMETERS = re.compile(r"^PARAMETERS = r(?:'''|\"\"\")(.*?)(?:'''|\"\"\")", re.M | re.S)


class BundleTooBig(PipelineError):
    """The kernel would be larger than what we trust Kaggle to take."""


@dataclass(frozen=True)
class Kernel:
    """A kernel's files, as they lie in its folder."""

    code_file: str
    code: str
    metadata: dict[str, Any]

    @property
    def id(self) -> str:
        """`<username>/<slug>`."""
        return self.metadata["id"]

    @property
    def key(self) -> str:
        """SHA-256 of the code file: what makes two kernels the same."""
        return hashlib.sha256(self.code.encode()).hexdigest()

    @property
    def log_mark(self) -> str:
        """What the kernel says at the start of its log, to be known by."""
        return _MARK.findall(_text(self.code))[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters in the code, read back."""
        return json.loads(_PARAMETERS.findall(_text(self.code))[0])


def build(
    root: Path,
    *,
    parameters: Mapping[str, Any],
    kernel_type: str,
    username: str | None,
    slug: str,
    competition: str,
    machine_shape: str,
    private: bool,
) -> Kernel:
    """Make a kernel from the package's sources, the same bytes from the same sources.

    Args:
        root: the repository.
        parameters: what `kernel_main.main` reads; plain JSON.
        kernel_type: `script` or `notebook`.

    Raises:
        BundleTooBig: the code is larger than 500 KB.
    """
    sources = {path.as_posix(): (root / path).read_text("utf-8") for path in carried(root)}
    main = (root / "pipeline/kaggle/bundle/kernel_main.py").read_text("utf-8")
    text = json.dumps(parameters, indent=2, allow_nan=False) + "\n"
    digest = hashlib.sha256(json.dumps([kernel_type, main, text, sources]).encode()).hexdigest()
    values = f'MARK = "{digest[:16]}"\nPARAMETERS = {literal(text)}\n'
    write = {"script": script, "notebook": notebook.write}[kernel_type]
    code = write(without_docstring(main), values, sources)
    if len(code.encode()) > MAX_BYTES:
        raise BundleTooBig(
            f"the kernel would be {len(code.encode()):,} bytes, more than {MAX_BYTES:,}: "
            "leave modules out in pipeline/kaggle/bundle/kernel.py"
        )
    code_file = f"{slug}.py" if kernel_type == "script" else f"{slug}.ipynb"
    metadata = {
        "id": f"{username or NO_USERNAME}/{slug}",
        "title": slug.replace("-", " "),  # Kaggle makes the slug from the title
        "code_file": code_file,
        "language": "python",
        "kernel_type": kernel_type,
        "is_private": private,
        "enable_gpu": True,
        "enable_internet": False,
        "machine_shape": machine_shape,
        "dataset_sources": [],
        "competition_sources": [competition],
        "kernel_sources": [],
        "model_sources": [],
    }
    return Kernel(code_file, code, metadata)


def save(folder: Path, kernel: Kernel) -> None:
    """Write a kernel's two files; nothing else stays in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    files.write_text(folder / kernel.code_file, kernel.code)
    files.write_json(folder / METADATA, kernel.metadata)


def load(folder: Path) -> Kernel:
    """Read a built kernel.

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
    """Whether two code files hold the same code. Kaggle gives a notebook back as other JSON."""
    return _text(one) == _text(other)


def _text(code: str) -> str:
    try:
        cells = json.loads(code)["cells"]
    except (ValueError, TypeError, KeyError):
        return code.replace("\r\n", "\n").strip()
    return "\n\n".join("".join(cell["source"]).strip() for cell in cells)


def carried(root: Path) -> list[Path]:
    """The modules that the kernel's stages import, in turn, less those in `LEFT_OUT`."""
    waiting = [Path("pipeline/config/params.py"), Path("pipeline/common/paths.py")]
    waiting += [Path(f"pipeline/stages/{stage}.py") for stage in kernel_main.STAGES]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found and not LEFT_OUT.match(path.as_posix()):
            found.add(path)
            waiting.extend(_imports(root, path) | {path.parent / "__init__.py"})
    return sorted(found)


def _imports(root: Path, path: Path) -> set[Path]:
    """The modules of the package that a module names in its imports, with their packages."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((root / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    found = set()
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            stem = Path(*parts[:length])
            for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
                if parts[0] == "pipeline" and (root / candidate).is_file():
                    found.add(candidate)
    return found


def script(main: str, values: str, sources: Mapping[str, str]) -> str:
    """The kernel as one Python script: what it does, its parameters, the package, the start.

    Args:
        main: code of `kernel_main`.
        values: assignments of MARK and PARAMETERS.
        sources: text of each module by its path.
    """
    parts = [
        '"""Dog photos in, images.zip out: a DCGAN for the competition Generative Dog Images.\n\n'
        "Written by `python -m pipeline bundle`. First comes what runs here, then the parameters,\n"
        'then the package `pipeline`, each module as text under its name.\n"""\n',
        main,
        values,
        "# The package, module by module; `unpack` writes it out.\nSOURCES = {}\n",
    ]
    rule = "# " + "-" * 98
    for name, text in sources.items():
        parts.append(f"{rule}\nSOURCES[{json.dumps(name)}] = {literal(text)}\n")
    parts.append('if __name__ == "__main__":\n    main(MARK, PARAMETERS, SOURCES)\n')
    return "\n".join(parts)


def literal(text: str) -> str:
    """A Python literal of `text` with a line end before it, which reads as the text itself does."""
    for quotes in ("'''", '"""'):
        if quotes not in text and not text.endswith((quotes[0], "\\")):
            return f"r{quotes}\n{text}{quotes}"
    return repr(f"\n{text}")


def without_docstring(module: str) -> str:
    """A module's text after its docstring."""
    first = ast.parse(module).body[0]
    return "".join(module.splitlines(keepends=True)[first.end_lineno :]).lstrip("\n")
