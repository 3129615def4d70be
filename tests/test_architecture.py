"""The rules of docs/architecture.md, held by reading the code and the two pipeline files of DVC."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.__main__ import CHAIN, KERNELS
from pipeline.common import imports
from pipeline.common.paths import Paths
from pipeline.kaggle.bundle import build
from tests import checkout
from tests.conftest import REPOSITORY as ROOT

# From the ground up: a module imports from its own package and from what lies below, nothing beside
# it. Kaggle's API is a place to download from; `config` knows the parameters of every source and
# family, which are in their modules.
LAYERS = (
    ("__init__",),
    ("common",),
    ("images", "download", "kaggle/kernel"),
    ("competitions",),
    ("kaggle/api",),
    ("data", "models"),
    ("training", "scoring", "submission", "pretrained"),
    ("config",),
    ("kaggle", "report", "workspace"),
    ("stages",),
    ("sudoku",),
    ("commands",),
    ("__main__",),
)
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "pipeline").rglob("*.py"))
every_module = pytest.mark.parametrize("module", MODULES, ids=str)


@cache
def imported(module: Path) -> frozenset[Path]:
    """What a module imports, less the `__init__.py` that hold a docstring alone."""
    found = imports.imported(ROOT, module)
    return frozenset(path for path in found if not imports.is_empty(ROOT, path))


def part(module: Path) -> str:
    """The name in LAYERS of the part that a module belongs to."""
    names = {name for layer in LAYERS for name in layer}
    below = module.relative_to("pipeline").with_suffix("")
    return next(path.as_posix() for path in (below, *below.parents) if path.as_posix() in names)


def layer(name: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if name in names)


@every_module
def test_imports_go_down_only(module: Path) -> None:
    for other in imported(module):
        if part(other) != part(module):
            assert layer(part(other)) < layer(part(module)), f"{module} imports {other}"


def test_stages_meet_through_files() -> None:
    for module in MODULES:
        if part(module) == "stages":
            assert not [other for other in imported(module) if part(other) == "stages"], module


def test_no_module_imports_itself_in_a_circle() -> None:
    for module in MODULES:
        reached: set[Path] = set()
        waiting = list(imported(module))
        while waiting:
            other = waiting.pop()
            assert other != module, f"{module} imports itself in a circle"
            if other not in reached:
                reached.add(other)
                waiting.extend(imported(other))


def test_training_knows_neither_the_score_nor_the_submission() -> None:
    start = [module for module in MODULES if part(module) == "training"]
    needed = {part(module) for module in imports.closure(ROOT, start)}
    assert needed.isdisjoint({"scoring", "submission", "kaggle", "kaggle/api", "report"})


def test_no_stage_knows_the_pretrained_generators() -> None:
    """Competitions forbid pretrained weights: no training starts from these, no kernel has them."""
    start = [module for module in MODULES if part(module) in ("stages", "kaggle", "training")]
    assert "pretrained" not in {part(module) for module in imports.closure(ROOT, start)}
    assert "pretrained" in {part(module) for module in MODULES}


@every_module
def test_the_package_stands_without_what_lies_beside_it(module: Path) -> None:
    """Research, benchmarks and tests import the package, never the other way; and the code that
    runs inside a Kaggle kernel runs without DVC."""
    text = (ROOT / module).read_text("utf-8")
    found = re.search(r"^\s*(?:from|import) (research|benchmarks|tests|dvc)\b", text, re.M)
    assert not found, f"{module}: {found[0].strip() if found else ''}"


@every_module
def test_only_one_module_knows_kaggles_client(module: Path) -> None:
    if module != Path("pipeline/kaggle/api/client.py"):
        text = (ROOT / module).read_text("utf-8")
        assert not re.search(r"^\s*(?:from|import) (kaggle|kagglesdk)\b", text, re.M), module


def test_one_name_one_class() -> None:
    names = Counter(
        node.name
        for module in MODULES
        for node in ast.walk(ast.parse((ROOT / module).read_bytes()))
        if isinstance(node, ast.ClassDef)
    )
    # `Parameters` is what the contracts of sources and families ask for.
    assert [name for name, count in names.items() if count > 1 and name != "Parameters"] == []


def test_no_module_is_called_like_its_neighbour_with_an_s() -> None:
    names = {module.with_suffix("") for module in MODULES} | {module.parent for module in MODULES}
    assert [name for name in names if name.with_name(f"{name.name}s") in names] == []


@every_module
def test_files_are_small_enough_to_read(module: Path) -> None:
    length = len((ROOT / module).read_text("utf-8").splitlines())
    assert length <= 450, f"{module} has {length} lines: split it"


# --- DVC's two pipeline files ------------------------------------------------------------------


@cache
def pipeline_file(name: str) -> dict[str, dict]:
    """The stages of dvc.yaml or kernels/dvc.yaml."""
    return YAML(typ="safe").load((ROOT / name).read_text("utf-8"))["stages"]


STAGES = pipeline_file("dvc.yaml") | pipeline_file("kernels/dvc.yaml")
every_stage = pytest.mark.parametrize("stage", STAGES)


def code_of(stage: str) -> list[Path]:
    """All the code that a stage runs, less what can change nothing: modules, and the data files
    beside them that they name. The bundle's is also what its kernel carries."""
    start = [Path(f"pipeline/stages/{stage}.py")]
    if stage == "bundle":
        start += build.carried(ROOT)
    modules = imports.closure(ROOT, start)
    data = [Path(name) for name in checkout.tracked(ROOT, "pipeline")]
    named = {
        path
        for path in data
        if path.suffix not in (".py", ".md")
        for module in modules
        if path.is_relative_to(module.parent) and path.name in (ROOT / module).read_text("utf-8")
    }
    return sorted({path for path in modules if not imports.is_empty(ROOT, path)} | named)


def deps_of(stage: str) -> tuple[list[Path], list[Path]]:
    """The stage's deps: code, and data."""
    deps = [Path(dep) for dep in STAGES[stage]["deps"]]
    code = [dep for dep in deps if dep.parts[0] == "pipeline"]
    return code, [dep for dep in deps if dep not in code]


def outs_of(stage: str) -> set[Path]:
    listed = STAGES[stage].get("outs", []) + STAGES[stage].get("metrics", [])
    return {Path(next(iter(out)) if isinstance(out, dict) else out) for out in listed}


def within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


@every_stage
def test_a_stages_deps_hold_the_code_that_it_runs(stage: str) -> None:
    code, _ = deps_of(stage)
    assert [path for path in code_of(stage) if not within(path, code)] == []


@every_stage
def test_each_dep_holds_code_that_the_stage_runs_and_none_lies_in_another(stage: str) -> None:
    code, _ = deps_of(stage)
    needed = code_of(stage)
    assert [dep for dep in code if not any(within(path, [dep]) for path in needed)] == []
    assert [dep for dep in code if within(dep, [other for other in code if other != dep])] == []
    assert all((ROOT / dep).exists() for dep in code)


@pytest.mark.parametrize("stage", CHAIN)
def test_how_parameters_are_read_reruns_no_stage_of_the_chain(stage: str) -> None:
    code, _ = deps_of(stage)
    for folder in ("config", "commands"):
        assert not any(Path("pipeline", folder).is_relative_to(dep) for dep in code), folder


@every_stage
def test_a_stage_lists_the_data_that_it_reads_and_writes(stage: str) -> None:
    """`paths.crops` in its code is data/crops.npy among its deps or its outs."""
    used = {
        getattr(Paths(Path()), name)
        for path in imports.closure(ROOT, [Path(f"pipeline/stages/{stage}.py")])
        for name in re.findall(r"\b_?paths\.(\w+)", (ROOT / path).read_text("utf-8"))
        if isinstance(getattr(Paths, name, None), property)
    }
    # Less the checkpoints, partial downloads and logs, which outlive the stage.
    files = {path for path in used if path.parts[0] != ".ckpt"}
    _, data = deps_of(stage)
    # The presets are found by `config.presets`: they belong to params.yaml, not to a run.
    assert set(data) - {Path("presets")} | outs_of(stage) == files


@every_stage
def test_a_stage_lists_the_sections_that_it_reads(stage: str) -> None:
    # `device` says where a network runs, not what it computes: changing it must rerun nothing.
    read = set(importlib.import_module(f"pipeline.stages.{stage}").SECTIONS) - {"device"}
    assert set(STAGES[stage].get("params", [])) == read


def test_every_stage_of_dvc_is_a_command_and_the_other_way_round() -> None:
    assert list(pipeline_file("dvc.yaml")) == list(CHAIN), "dvc.yaml tells the chain in its order"
    assert list(pipeline_file("kernels/dvc.yaml")) == list(KERNELS)
    for stage, fields in STAGES.items():
        assert fields["cmd"] == f"exec python -m pipeline {stage}"


@every_stage
def test_nothing_that_dvc_runs_can_send_anything(stage: str) -> None:
    """`dvc repro -P` runs every stage of every pipeline file, and plain `dvc repro` beside an empty
    dvc.yaml that of kernels/: sending takes a command of its own, `python -m pipeline submit`."""
    start = [Path(f"pipeline/stages/{stage}.py")]
    sends = (
        Path("pipeline/kaggle/submit"),
        Path("pipeline/commands"),
        Path("pipeline/__main__.py"),
    )
    assert [path for path in imports.closure(ROOT, start) if within(path, sends)] == []


@pytest.mark.parametrize(("name", "lines"), [("dvc.yaml", 150), ("kernels/dvc.yaml", 60)])
def test_a_pipeline_file_reads_as_the_flow(name: str, lines: int) -> None:
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= lines
