"""Packs the chain into one kernel for Kaggle: parameters and sources in a script or a notebook.

Only the code file of a kernel travels, so it carries the package as readable text. Weights of
feature networks do not travel: on Kaggle the chain ends with the zip, which is scored there.
"""

import ast
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.common import imports
from pipeline.common.errors import PipelineError
from pipeline.kaggle.bundle import kernel_main, notebook
from pipeline.kaggle.kernel import MAX_BYTES, NO_USERNAME, Kernel

_MAIN = Path("pipeline/kaggle/bundle/kernel_main.py")
# Folders of no use where there is no network, the data is there already and nothing is scored. The
# modules that import from them do so inside the functions that need them.
LEFT_OUT = (
    Path("pipeline/data/drawn"),
    Path("pipeline/download"),
    Path("pipeline/kaggle"),
    Path("pipeline/scoring"),
)


class BundleTooBig(PipelineError):
    """The kernel would be larger than what we trust Kaggle to take."""


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
    """Return a kernel made from the package's sources, the same bytes from the same sources.

    Args:
        root: the repository.
        parameters: what `kernel_main.main` reads; plain JSON.
        kernel_type: `script` or `notebook`.

    Raises:
        BundleTooBig: the code is larger than 500 KB.
    """
    sources = {path.as_posix(): (root / path).read_text("utf-8") for path in carried(root)}
    main = (root / _MAIN).read_text("utf-8")
    text = json.dumps(parameters, indent=2, allow_nan=False) + "\n"
    digest = hashlib.sha256(json.dumps([kernel_type, main, text, sources]).encode()).hexdigest()
    values = f'MARK = "{digest[:16]}"\nPARAMETERS = {literal(text)}\n'
    write = {"script": script, "notebook": notebook.write}[kernel_type]
    code = write(without_docstring(main), values, sources)
    if len(code.encode()) > MAX_BYTES:
        raise BundleTooBig(
            f"the kernel would be {len(code.encode()):,} bytes, more than {MAX_BYTES:,}: "
            "leave modules out in pipeline/kaggle/bundle/build.py"
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


def carried(root: Path) -> list[Path]:
    """Return the modules that the kernel carries, relative to the repository: its stages and what
    `kernel_main` imports, with all that these import, less `LEFT_OUT`."""
    start = {Path(f"pipeline/stages/{stage}.py") for stage in kernel_main.STAGES}
    return imports.closure(root, start | imports.imported(root, _MAIN), LEFT_OUT)


def script(main: str, values: str, sources: Mapping[str, str]) -> str:
    """Return the kernel as one Python script: what it does, its parameters, the package, the start.

    Args:
        main: code of `kernel_main`.
        values: assignments of MARK and PARAMETERS.
        sources: text of each module by its path.
    """
    parts = [
        '"""Photos in, images.zip out: a generator of images for a competition on Kaggle.\n\n'
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
    """Return a Python literal of `text` with a line end before it, which reads as the text does."""
    for quotes in ("'''", '"""'):
        if quotes not in text and not text.endswith((quotes[0], "\\")):
            return f"r{quotes}\n{text}{quotes}"
    return repr(f"\n{text}")


def without_docstring(module: str) -> str:
    """Return a module's text after its docstring."""
    first = ast.parse(module).body[0]
    return "".join(module.splitlines(keepends=True)[first.end_lineno :]).lstrip("\n")
