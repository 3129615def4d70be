"""Reads the package's imports without running them, and derives each stage's `deps` for DVC.

`python -m tests.architecture` writes them into dvc.yaml and kernels/dvc.yaml.
"""

import ast
import importlib
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.kaggle.bundle import kernel
from tests import checkout

ROOT = Path(__file__).resolve().parent.parent
PIPELINES = ("dvc.yaml", "kernels/dvc.yaml")


def is_type_checking(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def module_path(name: str) -> Path | None:
    """`pipeline.images.png` -> pipeline/images/png.py; None where `name` is no module of ours."""
    path = ROOT / Path(*name.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py").relative_to(ROOT)
    if (path / "__init__.py").is_file():
        return (path / "__init__.py").relative_to(ROOT)
    return None


@cache
def imports(path: Path) -> frozenset[Path]:
    """The modules of ours that the file imports, at its head or inside a function."""
    found: set[Path] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.stmt) and is_type_checking(node):
            return
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the module in full"
            names = [node.module or ""]
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "pipeline":
                parts = name.split(".")
                for length in range(1, len(parts) + 1):
                    if module := module_path(".".join(parts[:length])):
                        found.add(module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse((ROOT / path).read_text()))
    return frozenset(found - {path})


def is_docstring_only(path: Path) -> bool:
    """An `__init__.py` that holds nothing but its docstring can change nothing."""
    body = ast.parse((ROOT / path).read_text()).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def data_files() -> list[Path]:
    """What lies in pipeline/ and is no Python: weights, templates."""
    names = checkout.tracked(ROOT, "pipeline")
    return [Path(name) for name in names if not name.endswith((".py", ".md"))]


def closure(path: Path) -> list[str]:
    """The file and all it imports, in turn, with the data files that these name."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(imports(module))
    named = {
        data
        for data in data_files()
        for module in seen
        if data.parent == module.parent and data.name in (ROOT / module).read_text()
    }
    kept = {module for module in seen if not is_docstring_only(module)}
    return sorted(module.as_posix() for module in kept | named)


def dependencies(stage: str) -> list[str]:
    """The code a stage depends on: what it imports and, for the bundle, what it carries."""
    found = set(closure(stage_file(stage)))
    if stage == "bundle":
        found |= {path.as_posix() for path in kernel.carried(ROOT) if not is_docstring_only(path)}
    return sorted(found)


def stages() -> dict[str, dict]:
    """All stages of both pipeline files, by name."""
    found: dict[str, dict] = {}
    for name in PIPELINES:
        found |= YAML(typ="safe").load((ROOT / name).read_text())["stages"]
    return found


def stage_file(stage: str) -> Path:
    return Path("pipeline/stages") / f"{stage.replace('-', '_')}.py"


def sections(stage: str) -> tuple[str, ...]:
    """The sections of params.yaml that the stage reads."""
    return importlib.import_module(f"pipeline.stages.{stage.replace('-', '_')}").SECTIONS


def write_deps(name: str) -> None:
    """Bring the module lists in a pipeline file up to date, keeping all else as it stands."""
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    path = ROOT / name
    content = yaml.load(path.read_text())
    for stage, fields in content["stages"].items():
        if (ROOT / stage_file(stage)).is_file():
            files = [
                dep for dep in fields.get("deps") or [] if not str(dep).startswith("pipeline/")
            ]
            fields["deps"] = files + dependencies(stage)
    with path.open("w") as file:
        yaml.dump(content, file)


if __name__ == "__main__":
    for pipeline_file in PIPELINES:
        if (ROOT / pipeline_file).is_file():
            write_deps(pipeline_file)
