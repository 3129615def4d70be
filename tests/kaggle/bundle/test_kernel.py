"""What a built kernel holds, and that it is the same each time."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from pipeline.common.errors import PipelineError
from pipeline.kaggle.bundle import kernel
from tests import architecture
from tests.conftest import REPOSITORY

PARAMETERS = {"params": {"package": {"count": 40}}, "time_limit_hours": 9.0}


def build(kernel_type: str = "script", **changes: Any) -> kernel.Kernel:
    options: dict[str, Any] = {
        "parameters": PARAMETERS,
        "kernel_type": kernel_type,
        "username": "tester",
        "slug": "some-dogs",
        "competition": "generative-dog-images",
        "machine_shape": "NvidiaTeslaT4",
        "private": True,
    }
    return kernel.build(REPOSITORY, **(options | changes))


def test_the_metadata_is_what_kaggle_asks_for() -> None:
    assert build().metadata == {
        "id": "tester/some-dogs",
        "title": "some dogs",
        "code_file": "some-dogs.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "enable_internet": False,  # the client's own default is true
        "machine_shape": "NvidiaTeslaT4",
        "dataset_sources": [],
        "competition_sources": ["generative-dog-images"],
        "kernel_sources": [],
        "model_sources": [],
    }


def test_without_a_user_name_a_placeholder_shows_where_it_goes() -> None:
    assert build(username=None).metadata["id"] == "INSERT_YOUR_USERNAME_HERE/some-dogs"


@pytest.mark.parametrize("kernel_type", ["script", "notebook"])
def test_the_same_sources_give_the_same_bytes_and_other_parameters_others(kernel_type: str) -> None:
    first, second = build(kernel_type), build(kernel_type)
    assert first.code == second.code
    assert first.key == second.key
    other = build(kernel_type, parameters=PARAMETERS | {"time_limit_hours": 8.0})
    assert other.key != first.key
    # The account is not in the code: the same kernel is the same for everybody.
    assert build(kernel_type, username="other").key == first.key


@pytest.mark.parametrize("kernel_type", ["script", "notebook"])
def test_it_is_small_and_parameters_come_back(kernel_type: str) -> None:
    built = build(kernel_type)
    assert len(built.code.encode()) < 500_000
    assert built.parameters == PARAMETERS


def test_a_kernel_that_is_too_large_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(kernel.BundleTooBig, match="more than 500,000"):
        build(parameters={"noise": "x" * 500_000})


def test_the_script_carries_the_sources_unchanged_and_readable() -> None:
    tree = ast.parse(build().code)
    carried = {
        ast.literal_eval(node.targets[0].slice): ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    }
    assert list(carried) == [path.as_posix() for path in kernel.carried(REPOSITORY)]
    for name, text in carried.items():
        assert text.removeprefix("\n") == (REPOSITORY / name).read_text(), name
    # As they are, not in quoted lines: whoever opens the kernel on Kaggle can read it.
    source = (REPOSITORY / "pipeline/training/fit.py").read_text()
    assert source in build().code


def test_it_carries_what_its_stages_import_less_what_is_left_out_and_nothing_else() -> None:
    waiting = {Path(f"pipeline/stages/{stage}.py") for stage in kernel.kernel_main.STAGES}
    waiting |= {
        Path("pipeline/config/params.py"),
        Path("pipeline/common/paths.py"),
    }  # read by kernel_main
    wanted: set[Path] = set()
    while waiting:
        module = waiting.pop()
        if not kernel.LEFT_OUT.match(module.as_posix()):
            wanted.add(module)
            waiting |= architecture.imports(module) - wanted
    carried = set(kernel.carried(REPOSITORY))
    assert wanted <= carried
    assert all(architecture.is_docstring_only(extra) for extra in carried - wanted)
    assert not any(path.parts[1] in ("kaggle", "scoring", "report") for path in carried)


def test_the_notebook_is_a_notebook() -> None:
    notebook = nbformat.reads(build("notebook").code, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.cell_type != "code" or cell.outputs == [] for cell in notebook.cells)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    written = [source for source in code if source.startswith("%%writefile ")]
    assert len(written) == len(kernel.carried(REPOSITORY))
    assert any("curves.png" in source for source in code)
    for stage in kernel.kernel_main.STAGES:
        assert sum(f'run_stage("{stage}"' in source for source in code) == 1


@pytest.mark.parametrize(
    "text",
    [
        "plain\n",
        "back\\slash \\n and \\' too\n",
        'a """docstring""" here\n',
        "both ''' and \"\"\" kinds\n",
        "ends with a quote'",
        "ends with a backslash\\",
        "",
        "näher – “so”\n",
    ],
)
def test_a_literal_is_its_text(text: str) -> None:
    assert ast.literal_eval(kernel.literal(text)) == "\n" + text


def test_a_saved_kernel_is_read_back_and_alone_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "dcgan"
    folder.mkdir()
    (folder / "old.ipynb").write_text("{}")
    built = build()
    kernel.save(folder, built)
    assert kernel.load(folder) == built
    assert sorted(path.name for path in folder.iterdir()) == [
        "kernel-metadata.json",
        "some-dogs.py",
    ]


@pytest.mark.parametrize("metadata", [None, "{", "{}", '{"code_file": "gone.py"}'])
def test_a_kernel_that_is_not_whole_says_how_to_make_it(
    tmp_path: Path, metadata: str | None
) -> None:
    if metadata is not None:
        (tmp_path / kernel.METADATA).write_text(metadata)
    with pytest.raises(PipelineError, match="run `make bundle`"):
        kernel.load(tmp_path)


def test_code_is_the_same_in_whatever_shape_kaggle_gives_it_back() -> None:
    script = build()
    assert kernel.same_code(script.code, script.code.replace("\n", "\r\n").rstrip())
    assert not kernel.same_code(script.code, script.code.replace("9.0", "8.0"))
    notebook = build("notebook")
    cells = json.loads(notebook.code)["cells"]
    for cell in cells:  # as lists of lines, and with what a run adds
        cell["source"] = cell["source"].splitlines(keepends=True)
        cell["metadata"] = {"trusted": True}
    returned = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})
    assert kernel.same_code(notebook.code, returned)
    assert not kernel.same_code(notebook.code, script.code)


def test_no_secret_or_path_of_this_machine_goes_in() -> None:
    code = build().code
    assert str(Path.home()) not in re.sub(r"PARAMETERS = .*?'''", "", code, flags=re.S)
    assert str(REPOSITORY) not in code
