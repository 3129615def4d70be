"""The built kernel, really run: in an empty folder, with what Kaggle's image has and no more."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.paths import Paths
from pipeline.kaggle.bundle import kernel
from pipeline.stages import bundle, crop, download, generate, package, train
from pipeline.submission.images_zip import check
from tests.kaggle import competition
from tests.standins.kaggle_worker import Worker

SLUG = "generative-dog-images"


def build(paths: Paths, changes: dict[str, Any] | None = None) -> kernel.Kernel:
    settings = competition.parameters(changes)
    bundle.run(paths, **{name: getattr(settings, name) for name in bundle.SECTIONS})
    return kernel.load(paths.kernel)


def run_on_kaggle(tmp_path: Path, built: kernel.Kernel) -> Worker:
    data = tmp_path / "data"
    competition.write_data(data)
    worker = Worker(tmp_path / "kaggle", built.code, built.metadata["kernel_type"], {SLUG: data})
    worker.run({})
    return worker


def run_here(tmp_path: Path) -> Path:
    """The chain from the zips of the API, by its stages. Returns its zip."""
    competition.write_zips(tmp_path / "zips")
    settings = competition.parameters({"data.kaggle_path": str(tmp_path / "zips")})
    paths = Paths(tmp_path / "here")
    for stage in (download, crop, train, generate, package):
        stage.run(paths, **{name: getattr(settings, name) for name in stage.SECTIONS})
    return paths.images_zip


@pytest.mark.parametrize(
    "kernel_type", ["script", pytest.param("notebook", marks=pytest.mark.slow)]
)
def test_the_kernel_makes_the_zip_that_the_chain_makes_here(
    tmp_path: Path, kernel_type: str
) -> None:
    built = build(Paths(tmp_path / "bundled"), {"kaggle.kernel_type": kernel_type})
    worker = run_on_kaggle(tmp_path, built)
    log = worker.log_path.read_text()
    assert worker.status == "COMPLETE", log
    assert worker.outputs() == ["images.zip"]
    made = worker.working / "images.zip"
    assert check(made, count=competition.COUNT).images == competition.COUNT
    for stage in ("download", "crop", "train", "generate", "package"):
        assert f"== {stage}: " in log
    if kernel_type == "notebook":
        assert log.count("displayed") >= 3, "curves and grids"
    here = hashlib.sha256(run_here(tmp_path).read_bytes()).hexdigest()
    assert hashlib.sha256(made.read_bytes()).hexdigest() == here


@pytest.mark.slow
def test_the_kernel_trains_in_several_processes(tmp_path: Path) -> None:
    built = build(Paths(tmp_path / "bundled"), {"train.processes": 2})
    worker = run_on_kaggle(tmp_path, built)
    assert worker.status == "COMPLETE", worker.log_path.read_text()
    check(worker.working / "images.zip", count=competition.COUNT)


def test_a_kernel_without_data_stops_in_seconds_and_leaves_nothing(tmp_path: Path) -> None:
    built = build(Paths(tmp_path / "bundled"))
    worker = Worker(tmp_path / "kaggle", built.code, "script", {})
    worker.run({"TMPDIR": str(tmp_path)})
    assert worker.status == "ERROR"
    assert "attach the competition's data" in worker.log_path.read_text()
    assert worker.outputs() == []
    assert list(tmp_path.glob("dogs-*")) == [], "the scratch folder is gone"


def test_bundling_needs_no_data_and_is_repeatable(tmp_path: Path) -> None:
    one, other = Paths(tmp_path / "one"), Paths(tmp_path / "other")
    assert build(one) == build(other)
    for path in sorted(one.kernel.iterdir()):
        assert path.read_bytes() == (other.kernel / path.name).read_bytes()
    assert [path.name for path in one.root.iterdir()] == ["kernels"]


def test_what_differs_in_the_kernel_is_applied_and_nothing_of_this_machine_goes(
    tmp_path: Path,
) -> None:
    changes = {
        "kaggle.kernel_params": {"model.channels": 16, "train.images": 128},
        "data.folder": "/home/somebody/pictures",
        "data.images_mirrors": ["http://user:password@mirror.example/images.tar"],
        "train.score_every_images": 1000,
    }
    built = build(Paths(tmp_path), changes)
    inside = built.parameters["params"]
    assert (inside["model"]["channels"], inside["train"]["images"]) == (16, 128)
    assert inside["train"]["score_every_images"] == 0
    assert inside["data"]["source"] == "kaggle"
    assert "somebody" not in built.code
    assert "password" not in built.code
    assert set(inside) == {"device", "data", "crop", "model", "train", "generate", "package"}


def test_says_where_the_user_name_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = build(Paths(tmp_path), {"kaggle.username": None})
    assert built.id.startswith("INSERT_YOUR_USERNAME_HERE/")
    assert "set kaggle.username in params.yaml" in capsys.readouterr().out


def test_a_notebook_is_json_with_cells(tmp_path: Path) -> None:
    built = build(Paths(tmp_path), {"kaggle.kernel_type": "notebook"})
    assert built.code_file.endswith(".ipynb")
    assert built.metadata["kernel_type"] == "notebook"
    assert json.loads(built.code)["nbformat"] == 4
