"""The whole chain with every family, by the real commands, on labelled data made in the test: no
stage and no command knows a family."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.common.paths import Paths
from pipeline.data import held_out
from pipeline.data.dataset import Dataset
from tests.data.arrays import made
from tests.factories import write_params
from tests.training.families import SYSTEMS, is_conditional

DATA: dict[str, Any] = {
    "competition": "none",
    "data__source": "mnist",
    "data__mnist__path": "mnist",
    "crop__side_px": 32,
    "reference__pictures": "crops",
    "reference__flips": False,
    "train__images": 16,
    "generate__count": 24,
    "score__nearest": 2,
}
COUNTS = {"train": 30, "test": 20}


def run(root: Path, *arguments: str) -> None:
    assert main(["--root", str(root), "--params", str(root / "params.yaml"), *arguments]) == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Data, and the reference made of them: no family has a part in it."""
    root = tmp_path_factory.mktemp("data")
    made.write_mnist(root / "mnist", **COUNTS)
    write_params(root, **DATA)
    for stage in ("download", "crop", "classify", "reference"):
        run(root, stage)
    return Paths(root)


def test_the_data(data: Paths) -> None:
    dataset = Dataset.load(data.crops, data.index)
    assert (len(dataset), str(dataset.shape)) == (30, "32x32x1")
    assert dataset.class_names == tuple("0123456789") and set(dataset.class_counts) == {3}
    assert np.array_equal(dataset.images[:, 2:30, 2:30, 0], made.digits(30)[0])
    unseen = held_out.load(data.held_out, dataset)
    assert np.array_equal(unseen.images[:, 2:30, 2:30, 0], made.digits(20, seed=1)[0])
    assert unseen.labels.tolist() == [*range(10)] * 2


@pytest.mark.parametrize("name", ["mlp", "conv vae", *filter(is_conditional, SYSTEMS)])
def test_the_chain(name: str, data: Paths, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    root = tmp_path / "run"
    shutil.copytree(data.root, root)
    write_params(root, **(DATA | SYSTEMS[name]))
    paths = Paths(root)
    for stage in ("train", "generate", "package", "score", "report"):
        run(root, stage)
    assert np.load(paths.generated).shape == (24, 32, 32, 1)
    metrics = json.loads(paths.metrics.read_text())
    assert metrics["images"] == 24 and metrics["fid"] > 0
    assert paths.report.is_file() and "missing:" not in capsys.readouterr().out
    for entry in ("sample", "interpolate"):
        out = root / f"{entry}.{'png' if entry == 'sample' else 'gif'}"
        run(root, entry, "--out", str(out))
        with Image.open(out) as image:
            assert image.size[0] >= 32
    labelled = ["sample", "--label", "7", "--out", str(root / "seven.png")]
    capsys.readouterr()
    if is_conditional(name):
        run(root, *labelled)
        assert (root / "seven.png").read_bytes() != (root / "sample.png").read_bytes()
        labelled[2] = "eleven"
    assert main(["--root", str(root), *labelled]) == 1
    said = capsys.readouterr().err
    assert "no class of this generator" in said and said.count("\n") == 1
