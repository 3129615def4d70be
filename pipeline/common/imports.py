"""Which modules of a package need which others, found by reading their imports, not running them.

One walker for all who ask: the fingerprint of a training, the kernel for Kaggle, the tests that
hold the layers and the `deps` of dvc.yaml.

Modules are paths relative to `root`, the folder that holds the package: `pipeline/images/png.py`.
An import inside a function counts. One under `if TYPE_CHECKING:` does not, nor does a module that
is named in a string only (`importlib.import_module`).
"""

import ast
from collections.abc import Collection, Iterable
from pathlib import Path


def imported(root: Path, module: Path) -> frozenset[Path]:
    """Return the modules of its own package that a module imports, with the `__init__.py` of each
    folder on the way to them. What is not there below `root` is left out.

    Raises:
        OSError, SyntaxError: the module cannot be read.
    """
    package = module.parts[0]
    found: set[Path] = set()
    for name in _names(ast.parse((root / module).read_bytes()), module.parent):
        parts = name.split(".")
        if parts[0] == package:
            for length in range(1, len(parts) + 1):
                stem = Path(*parts[:length])
                candidates = (stem.with_suffix(".py"), stem / "__init__.py")
                found.update(path for path in candidates if (root / path).is_file())
    return frozenset(found - {module})


def closure(root: Path, modules: Iterable[Path], leave_out: Collection[Path] = ()) -> list[Path]:
    """Return the modules, all that they import, all that these import and so on, with the
    `__init__.py` of each one's folders, sorted.

    Args:
        root: folder that holds the package.
        modules: where to start, relative to `root`.
        leave_out: modules or folders, relative to `root`, that are neither returned nor followed.

    Raises:
        OSError, SyntaxError: a module cannot be read.
    """
    left_out = frozenset(leave_out)
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and left_out.isdisjoint((module, *module.parents)):
            found.add(module)
            waiting.extend(imported(root, module))
            inits = (folder / "__init__.py" for folder in module.parents)
            waiting.extend(path for path in inits if (root / path).is_file())
    return sorted(found)


def is_empty(root: Path, module: Path) -> bool:
    """Return whether a module holds nothing but its docstring, as most `__init__.py` do."""
    body = ast.parse((root / module).read_bytes()).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def _names(node: ast.AST, folder: Path) -> list[str]:
    """Return the dotted names that a syntax tree imports: modules, and what is taken from them,
    which may be modules as well. `folder` is where relative imports start."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            start = folder.parts[: len(folder.parts) - (node.level - 1)]
            base = ".".join((*start, base)).rstrip(".")
        return [base, *(f"{base}.{alias.name}" for alias in node.names)]
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) in _TYPE_CHECKING:
        children = node.orelse
    return [name for child in children for name in _names(child, folder)]


_TYPE_CHECKING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
