"""What is in the fingerprint, and what is not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.training import fingerprint
from tests.training.tiny import crops, tiny


def digest(path: Path, **changes: object) -> str:
    settings = tiny(**changes)
    return fingerprint.digest(
        fingerprint.parts(model=settings.model, train=settings.train, crops=path)
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.save(tmp_path / "crops.npy", crops())
    return tmp_path / "crops.npy"


@pytest.mark.parametrize(
    "change",
    [
        {"train__lr": 1e-3},
        {"train__lr_g": 1e-3},
        {"train__batch_size": 4},
        {"train__seed": 2},
        {"train__threads": 2},
        {"train__swap_labels": 0.1},
        {"train__ema_halflife_images": 7.0},
        {"model__channels": 8},
        {"model__latent_dim": 9},
        {"model__minibatch_stddev": False},
        {"train__beta1": 0.5},
    ],
)
def test_what_shapes_the_weights_is_in(data: Path, change: dict) -> None:
    assert digest(data, **change) != digest(data)


@pytest.mark.parametrize(
    "change",
    [
        {"train__images": 10**6},
        {"train__time_limit_hours": 1.0},
        {"train__checkpoint_minutes": 1},
        {"train__sample_every_images": 7},
        {"train__log_every_images": 7},
        {"train__fresh": True},
    ],
)
def test_what_does_not_is_out(data: Path, change: dict) -> None:
    assert digest(data, **change) == digest(data)


def test_every_free_name_is_a_parameter() -> None:
    assert set(type(tiny().train).model_fields) >= fingerprint.FREE


def test_the_data_is_in(data: Path) -> None:
    before = digest(data)
    np.save(data, crops(seed=1))
    assert digest(data) != before


def imports(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those for the type checker."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from ast.walk(node)


def test_the_code_that_shapes_the_weights_is_in(repository: Path) -> None:
    """Whatever the loop imports of ours is in the list, or known to shape nothing."""
    package = repository / "pipeline"
    found, queue = set(), ["training/fit.py", "training/engine/distributed.py"]
    while queue:
        name = queue.pop()
        found.add(name)
        if name in UNSHAPING:
            continue
        for node in imports(ast.parse((package / name).read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
                base = node.module.split(".")[1:]
                for path in ["/".join([*base, alias.name]) for alias in node.names] + [
                    "/".join(base)
                ]:
                    for file in (f"{path}.py", f"{path}/__init__.py"):
                        if file == "training/__init__.py":
                            continue  # its docstring
                        if (package / file).is_file() and file not in found:
                            queue.append(file)
    assert set(fingerprint.CODE) <= found
    assert found - set(fingerprint.CODE) == UNSHAPING


UNSHAPING = {
    "devices.py",
    "errors.py",
    "files.py",
    "models/sampling.py",
    "progress.py",
    "training/figures.py",
    "training/fingerprint.py",
    "training/history.py",
    "training/memory.py",
    "training/pictures.py",
    "training/stopping.py",
    "training/watch.py",
}
