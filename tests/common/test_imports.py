"""The walker of imports, against packages whose imports are known and against Python itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.common import imports

HOLDER = """
import json
import typing
from typing import TYPE_CHECKING

import package.plain
from package import beside
from package.deep import module, not_a_module
from package.deep.other import name
from . import relative
from .deep import relative_too
from elsewhere import nothing_of_ours

if TYPE_CHECKING:
    from package import for_types
if typing.TYPE_CHECKING:
    from package import for_types
else:
    from package import for_running

def later():
    from package import lazy
    if True:
        import package.deeper.lazy_too

text = "from package import only_text"
"""
FOUND = {
    "__init__.py",
    "plain.py",
    "beside.py",
    "relative.py",
    "for_running.py",
    "lazy.py",
    "deep/__init__.py",
    "deep/module.py",
    "deep/other.py",
    "deep/relative_too.py",
    "deeper/lazy_too.py",  # a folder without __init__.py is a package as well
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package that holds what HOLDER imports, and what it does not import."""
    for name in FOUND | {"for_types.py", "only_text.py", "unused.py", "deep/unused.py"}:
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""Nothing."""\n')
    (tmp_path / "package/holder.py").write_text(HOLDER)
    return tmp_path


def paths(*names: str) -> set[Path]:
    return {Path("package") / name for name in names}


def test_finds_every_form_of_import_and_nothing_else(root: Path) -> None:
    assert imports.imported(root, Path("package/holder.py")) == paths(*FOUND)


def test_relative_imports_climb(root: Path) -> None:
    climber = Path("package/deep/module.py")
    (root / climber).write_text("from ..deeper import lazy_too\nfrom .. import plain\n")
    expected = paths("__init__.py", "deeper/lazy_too.py", "plain.py")
    assert imports.imported(root, climber) == expected


def test_the_closure_goes_on_through_what_is_imported_and_ends_in_circles(root: Path) -> None:
    (root / "package/plain.py").write_text("from package.deep import unused\n")
    (root / "package/deep/unused.py").write_text("from package import holder\n")
    expected = paths(*FOUND, "holder.py", "deep/unused.py")
    assert imports.closure(root, [Path("package/plain.py")]) == sorted(expected)


def test_what_is_left_out_is_not_followed_either(root: Path) -> None:
    (root / "package/plain.py").write_text("from package.deep import unused\n")
    (root / "package/deep/unused.py").write_text("from package import only_text\n")
    left_out = [Path("package/deep"), Path("package/beside.py")]
    found = imports.closure(root, [Path("package/holder.py")], left_out)
    kept = {name for name in FOUND if not name.startswith("deep/")} - {"beside.py"}
    assert found == sorted(paths("holder.py", *kept))
    # `package/deep` is a folder: `package/deeper` is another one.
    assert Path("package/deeper/lazy_too.py") in found


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("", True),
        ('"""Words."""\n', True),
        ("# a remark\n", True),
        ("import os\n", False),
        ('"""Words."""\nX = 1\n', False),
    ],
)
def test_tells_modules_that_do_nothing(tmp_path: Path, text: str, empty: bool) -> None:
    (tmp_path / "module.py").write_text(text)
    assert imports.is_empty(tmp_path, Path("module.py")) is empty


@pytest.mark.parametrize("module", ["stages/download", "stages/score", "config/params"])
def test_whatever_python_really_loads_is_found(repository: Path, module: str) -> None:
    """The oracle: what is in `sys.modules` after the import."""
    start = Path("pipeline") / f"{module}.py"
    name = ".".join(start.with_suffix("").parts)
    code = (
        f"import sys, {name}\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'pipeline'))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    loaded = {Path(file).relative_to(repository) for file in printed.split()}
    assert start in loaded
    assert loaded <= set(imports.closure(repository, [start]))
