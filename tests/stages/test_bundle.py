"""The built kernel as it runs: in an empty folder, with what Kaggle's image has and no more."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.common.paths import Paths
from pipeline.kaggle import kernel
from pipeline.stages import bundle, crop, download, generate, package, train
from pipeline.submission.reader import check_zip
from tests.forms import DOGS, MONET
from tests.kaggle import competition
from tests.standins.kaggle_api import COMPETITION, PAINTER
from tests.standins.kaggle_worker import Worker


def write_preset(paths: Paths, lines: str) -> None:
    """Write presets/mine.yaml."""
    (paths.root / "presets").mkdir()
    ((paths.root / "presets") / "mine.yaml").write_text(f"# Mine.\n{lines}")


def build(paths: Paths, changes: dict[str, Any] | None = None) -> kernel.Kernel:
    """A kernel for the dogs' competition: on Kaggle there are the shipped profiles alone."""
    settings = competition.parameters({"competition": COMPETITION} | (changes or {}))
    bundle.run(paths, **{name: getattr(settings, name) for name in bundle.SECTIONS})
    return kernel.load(paths.kernel)


def run_on_kaggle(tmp_path: Path, built: kernel.Kernel) -> Worker:
    data = tmp_path / "data"
    competition.write_data(data)
    worker = Worker(
        tmp_path / "kaggle", built.code, built.metadata["kernel_type"], {COMPETITION: data}
    )
    worker.run({})
    return worker


def run_here(tmp_path: Path) -> Path:
    """The chain from the zips of the API, by its stages. Returns its zip."""
    competition.write_zips(tmp_path / "zips")
    changes = {"competition": COMPETITION, "data.kaggle.path": str(tmp_path / "zips")}
    settings = competition.parameters(changes)
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
    checked = check_zip(made, DOGS, count=competition.COUNT)
    assert checked.images == competition.COUNT
    for stage in ("download", "crop", "train", "generate", "package"):
        assert f"== {stage}: " in log
    if kernel_type == "notebook":
        assert log.count("displayed") >= 3, "curves and grids"
    here = hashlib.sha256(run_here(tmp_path).read_bytes()).hexdigest()
    assert hashlib.sha256(made.read_bytes()).hexdigest() == here


PAINTER_VALUES: dict[str, Any] = {
    "competition": PAINTER,
    "model.name": "resnet",
    "model.resnet.channels": 4,
    "model.resnet.conditional": False,
    "train.adversarial.loss": "hinge",
    "train.adversarial.augment": ["colour", "translation", "cutout"],
    "train.images": 32,
    "train.batch_size": 8,
}


@pytest.mark.parametrize("side_px", [64, pytest.param(256, marks=pytest.mark.slow)])
def test_the_kernel_of_the_open_competition(tmp_path: Path, side_px: int) -> None:
    """Paintings in, JPEG of 256 px out: the zip of the chain here, fed by the zip of the API."""
    changes = PAINTER_VALUES | {"crop.side_px": side_px}
    built = build(Paths(tmp_path / "bundled"), changes)
    assert built.id == "tester/gan-getting-started-from-scratch"
    assert built.metadata["competition_sources"] == [PAINTER]
    assert built.parameters["time_limit_hours"] == 5.0
    competition.write_paintings(tmp_path / "data")
    worker = Worker(tmp_path / "kaggle", built.code, "script", {PAINTER: tmp_path / "data"})
    worker.run({})
    assert worker.status == "COMPLETE", worker.log_path.read_text()
    assert worker.outputs() == ["images.zip"]
    made = worker.working / "images.zip"
    assert check_zip(made, MONET, count=competition.COUNT).images == competition.COUNT

    competition.write_paintings_zip(tmp_path / "api" / f"{PAINTER}.zip")
    settings = competition.parameters(changes | {"data.kaggle.path": str(tmp_path / "api")})
    here = Paths(tmp_path / "here")
    for stage in (download, crop, train, generate, package):
        stage.run(here, **{name: getattr(settings, name) for name in stage.SECTIONS})
    assert np.load(here.crops).shape == (8, side_px, side_px, 3), "the paintings alone, whole"
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (made, here.images_zip)]
    assert digests[0] == digests[1]


def test_no_competition_has_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="competition: none takes no kernel"):
        build(Paths(tmp_path), {"competition": "none", "data.source": "drawn"})


@pytest.mark.slow
def test_the_kernel_trains_in_several_processes(tmp_path: Path) -> None:
    built = build(Paths(tmp_path / "bundled"), {"train.processes": 2})
    worker = run_on_kaggle(tmp_path, built)
    assert worker.status == "COMPLETE", worker.log_path.read_text()
    made = worker.working / "images.zip"
    check_zip(made, DOGS, count=competition.COUNT)


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


def test_the_preset_is_applied_and_nothing_of_this_machine_goes(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    write_preset(
        paths,
        "model.dcgan.channels: 16\ntrain.images: 128\ntrain.adversarial.real_labels: [0.5, 1.0]\n"
        # What is fixed in a kernel, and what no stage of a kernel reads.
        "data.source: drawn\ntrain.keep: best\ntrain.score_every_images: 64\ndevice: cpu\n"
        "score.nearest: 2\ncompetition: another\n",
    )
    changes = {
        "kaggle.preset": "mine",
        "data.folder.path": "/home/somebody/pictures",
        "data.kaggle.path": "/home/somebody/zips",
        "data.stanford_dogs.images_mirrors": ["http://user:password@mirror.example/images.tar"],
        "data.stanford_dogs.images_sha256": "0" * 64,
        "train.score_every_images": 1000,
    }
    built = build(paths, changes)
    inside = built.parameters["params"]
    assert (inside["model"]["dcgan"]["channels"], inside["train"]["images"]) == (16, 128)
    assert inside["train"]["adversarial"]["real_labels"] == [0.5, 1.0]
    assert (inside["train"]["score_every_images"], inside["train"]["keep"]) == (0, "last")
    assert inside["train"]["stop_when"] == "done"
    assert (inside["device"], inside["competition"]) == ("auto", COMPETITION)
    assert inside["data"]["source"] == "kaggle"
    assert inside["data"]["kaggle"] == {"path": None}
    assert inside["data"]["folder"]["path"] is None
    for archive in ("images", "annotation"):
        assert inside["data"]["stanford_dogs"][f"{archive}_mirrors"] == ["unused"]
        assert inside["data"]["stanford_dogs"][f"{archive}_sha256"] is None
    assert "somebody" not in built.code
    assert "password" not in built.code
    sections = ["device", "competition", "data", "crop", "model", "train", "generate"]
    assert list(inside) == sections


def test_without_a_preset_the_kernel_runs_with_params_yaml(tmp_path: Path) -> None:
    settings = competition.parameters()
    inside = build(Paths(tmp_path)).parameters["params"]
    for name in ("crop", "model", "generate"):
        assert inside[name] == getattr(settings, name).model_dump(mode="json"), name
    train = settings.train.model_dump(mode="json")
    assert inside["train"] == train | {"score_every_images": 0, "keep": "last"}


def test_a_preset_that_is_not_there_or_does_not_fit_stops_it(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    with pytest.raises(InputError, match=r"presets/mine\.yaml: no such preset"):
        build(paths, {"kaggle.preset": "mine"})
    write_preset(paths, "train.lr: 7\n")
    with pytest.raises(InputError, match=r"train\.lr = 7: .*less than 1"):
        build(paths, {"kaggle.preset": "mine"})
    assert not paths.kernel.exists()


def test_says_where_the_user_name_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = build(Paths(tmp_path), {"kaggle.username": None})
    assert built.id.startswith("INSERT_YOUR_USERNAME_HERE/")
    assert "set kaggle.username in params.yaml" in capsys.readouterr().out


def test_a_notebook_is_json_with_cells(tmp_path: Path) -> None:
    built = build(Paths(tmp_path), {"kaggle.kernel_type": "notebook"})
    assert built.code_file.endswith(".ipynb")
    assert built.metadata["kernel_type"] == "notebook"
    assert json.loads(built.code)["nbformat"] == 4
