"""The house rules of the README's architecture section, held by reading the code."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.__main__ import CHAIN, STAGES
from pipeline.config.schema import Params, Section
from tests import architecture
from tests.architecture import ROOT

TOP = {"stages", "tools", "__main__"}


def modules() -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in (ROOT / "pipeline").rglob("*.py"))


def room(path: Path) -> str:
    """The folder below pipeline/, or the file's own stem where it lies in none."""
    return path.parts[1] if len(path.parts) > 2 else path.stem


def floor(path: Path) -> int:
    """0: the files in no room; 1: the rooms of the library; 2: stages, tools, command line."""
    return 2 if room(path) in TOP else 1 if len(path.parts) > 2 else 0


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_go_down_only(path: Path) -> None:
    for imported in architecture.imports(path):
        assert floor(imported) <= floor(path), f"{path} imports {imported}, which is above it"
        if floor(path) == 2 and path.stem != "__main__" and imported.name != "__init__.py":
            assert floor(imported) < 2, f"{path} imports {imported}: stages meet through files"


def test_no_two_modules_import_each_other() -> None:
    for path in modules():
        reached: set[Path] = set()
        waiting = list(architecture.imports(path))
        while waiting:
            module = waiting.pop()
            assert module != path or path.name == "__init__.py", (
                f"{path} imports itself in a circle"
            )
            if module not in reached:
                reached.add(module)
                waiting.extend(architecture.imports(module))


@pytest.mark.parametrize("stage", architecture.stages())
def test_a_stage_depends_on_the_code_it_imports_and_no_more(stage: str) -> None:
    deps = architecture.stages()[stage].get("deps") or []
    listed = sorted(dep for dep in deps if dep.startswith("pipeline/"))
    assert listed == architecture.dependencies(stage), (
        "run `python -m tests.architecture` to bring dvc.yaml up to date"
    )


@pytest.mark.parametrize("stage", architecture.stages())
def test_a_stage_lists_the_sections_it_reads(stage: str) -> None:
    # `device` says where a network runs, not what it computes: changing it must rerun nothing.
    read = set(architecture.sections(stage)) - {"device"}
    assert set(architecture.stages()[stage].get("params") or []) == read


def test_every_stage_of_dvc_is_a_command_and_the_other_way_round() -> None:
    assert set(architecture.stages()) == set(STAGES)
    root = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(root) == list(CHAIN), "dvc.yaml tells the chain in its order"


def test_params_yaml_and_the_schema_have_the_same_keys() -> None:
    content = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    assert list(content) == list(Params.model_fields)
    for name, value in content.items():
        section = Params.model_fields[name].annotation
        if isinstance(section, type) and issubclass(section, Section):
            assert list(value) == list(section.model_fields), name


def test_every_knob_has_a_comment() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if match := re.match(r"( *)([a-z_0-9]+):", line):
            if len(match[1]) > 2:
                continue  # an entry of a mapping that has its own comment
            above = lines[number - 1].lstrip().startswith("#")
            below = number + 1 < len(lines) and lines[number + 1].lstrip().startswith("#")
            assert "#" in line or above or below, f"params.yaml:{number + 1}: {line.strip()}"


def test_only_one_module_knows_kaggle() -> None:
    for path in modules():
        if path != Path("pipeline/kaggle/api/client.py"):
            text = (ROOT / path).read_text()
            found = re.search(
                r"^\s*(import (kaggle|kagglesdk)|from (kaggle|kagglesdk)\b)", text, re.M
            )
            assert not found, path


def test_the_package_imports_no_dvc() -> None:
    for path in modules():
        assert not re.search(r"^\s*(import|from) dvc\b", (ROOT / path).read_text(), re.M), path


def test_modules_are_small_enough_to_read() -> None:
    for path in modules():
        length = len((ROOT / path).read_text().splitlines())
        assert length <= 300, f"{path} has {length} lines: split it"
