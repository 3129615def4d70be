"""A kernel's two files: saved, read back, compared with what Kaggle gives back."""

import json
from pathlib import Path

import pytest

from pipeline.common.errors import PipelineError
from pipeline.kaggle import kernel
from tests.kaggle.built import built


def test_a_saved_kernel_is_read_back_and_alone_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "dcgan"
    folder.mkdir()
    (folder / "old.ipynb").write_text("{}")
    made = built()
    kernel.save(folder, made)
    assert kernel.load(folder) == made
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
    script = built()
    assert kernel.same_code(script.code, script.code.replace("\n", "\r\n").rstrip())
    assert not kernel.same_code(script.code, script.code.replace("9.0", "8.0"))
    notebook = built("notebook")
    cells = json.loads(notebook.code)["cells"]
    for cell in cells:  # as lists of lines, and with what a run adds
        cell["source"] = cell["source"].splitlines(keepends=True)
        cell["metadata"] = {"trusted": True}
    returned = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})
    assert kernel.same_code(notebook.code, returned)
    assert not kernel.same_code(notebook.code, script.code)
