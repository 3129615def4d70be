"""What a built kernel holds, and that it is the same each time."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from pipeline.common import imports
from pipeline.kaggle.bundle import build, kernel_main
from tests.conftest import REPOSITORY
from tests.kaggle.built import PARAMETERS, built


def test_the_metadata_is_what_kaggle_asks_for() -> None:
    assert built().metadata == {
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
    assert built(username=None).metadata["id"] == "INSERT_YOUR_USERNAME_HERE/some-dogs"


@pytest.mark.parametrize("kernel_type", ["script", "notebook"])
def test_the_same_sources_give_the_same_bytes_and_other_parameters_others(kernel_type: str) -> None:
    first, second = built(kernel_type), built(kernel_type)
    assert first.code == second.code
    assert first.key == second.key
    other = built(kernel_type, parameters=PARAMETERS | {"time_limit_hours": 8.0})
    assert other.key != first.key
    # The account is not in the code: the same kernel is the same for everybody.
    assert built(kernel_type, username="other").key == first.key


@pytest.mark.parametrize("kernel_type", ["script", "notebook"])
def test_it_is_small_and_parameters_come_back(kernel_type: str) -> None:
    made = built(kernel_type)
    assert len(made.code.encode()) < 500_000
    assert made.parameters == PARAMETERS


def test_a_kernel_that_is_too_large_is_not_built() -> None:
    with pytest.raises(build.BundleTooBig, match="more than 500,000"):
        built(parameters={"noise": "x" * 500_000})


def test_the_script_carries_the_sources_unchanged_and_readable() -> None:
    tree = ast.parse(built().code)
    carried = {
        ast.literal_eval(node.targets[0].slice): ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    }
    assert list(carried) == [path.as_posix() for path in build.carried(REPOSITORY)]
    for name, text in carried.items():
        assert text.removeprefix("\n") == (REPOSITORY / name).read_text(), name
    # As they are, not in quoted lines: whoever opens the kernel on Kaggle can read it.
    source = (REPOSITORY / "pipeline/training/fit.py").read_text()
    assert source in built().code


def test_it_carries_what_its_stages_need_less_what_is_left_out() -> None:
    carried = build.carried(REPOSITORY)
    assert {Path(f"pipeline/stages/{stage}.py") for stage in kernel_main.STAGES} < set(carried)
    assert Path("pipeline/config/params.py") in carried, "kernel_main reads parameters with it"
    for folder in build.LEFT_OUT:
        assert not any(path.is_relative_to(folder) for path in carried), folder
        # It would be carried otherwise.
        others = [other for other in build.LEFT_OUT if other != folder]
        needed = imports.closure(REPOSITORY, carried, others)
        assert any(path.is_relative_to(folder) for path in needed), folder


def test_what_it_carries_can_be_imported_without_anything_else(tmp_path: Path) -> None:
    """In an empty folder, in a Python that does not see the repository; training in each of the
    families is what the real run is for."""
    for path in build.carried(REPOSITORY):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((REPOSITORY / path).read_bytes())
    names = [".".join(path.with_suffix("").parts) for path in build.carried(REPOSITORY)]
    names = [name.removesuffix(".__init__") for name in names]
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {', '.join(names)}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_notebook_is_a_notebook() -> None:
    notebook = nbformat.reads(built("notebook").code, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.cell_type != "code" or cell.outputs == [] for cell in notebook.cells)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    written = [source for source in code if source.startswith("%%writefile ")]
    assert len(written) == len(build.carried(REPOSITORY))
    assert any("curves.png" in source for source in code)
    for stage in kernel_main.STAGES:
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
    assert ast.literal_eval(build.literal(text)) == "\n" + text


def test_no_secret_or_path_of_this_machine_goes_in() -> None:
    code = built().code
    assert str(Path.home()) not in re.sub(r"PARAMETERS = .*?'''", "", code, flags=re.S)
    assert str(REPOSITORY) not in code
