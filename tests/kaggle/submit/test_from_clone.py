"""From a fresh checkout, through DVC, to a scored submission: what `make submit` does."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.competitions.registry import COMPETITIONS
from pipeline.config.schema import Params
from pipeline.scoring import reference as real_side
from pipeline.scoring.evaluate import evaluate
from pipeline.scoring.extractors import registry
from pipeline.submission.reader import read_zip
from tests import checkout
from tests.forms import DOGS
from tests.kaggle import competition
from tests.standins.kaggle_api import COMPETITION, USER, KaggleStandIn

LONG_S = 1700  # for 10,000 images, beside other programs
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * LONG_S)]


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    folder = checkout.copy(repository, tmp_path / "a checkout")
    kaggle = {
        "generate.count": 10_000,
        "kaggle.username": USER,
        "kaggle.preset": None,
        "submit.poll_s": 0.2,
    }
    checkout.set_params(folder, checkout.TINY | kaggle)
    return folder


def submit(folder: Path, standin: KaggleStandIn, mode: str) -> dict[str, Any]:
    checkout.set_params(folder, {"submit.mode": mode})
    environment = standin.environment(folder.parent / "home")
    command = ("python", "-m", "pipeline", "submit")
    done = checkout.run(folder, *command, timeout_s=LONG_S, **environment)
    assert f"submit.mode is {mode}" in done.stdout
    return json.loads((folder / "outputs" / "submission.json").read_text())


def own_score(folder: Path, settings: Params, path: Path) -> float:
    """MiFID of the bytes that Kaggle got, by our scorer."""
    found = evaluate(
        read_zip(path, DOGS).images,
        real_side.load(folder / "data" / "reference.npz"),
        registry.build(
            settings.reference,
            side_px=64,
            device="cpu",
            cache=folder,
            classifier=folder / "data" / "classifier.pt",
        ),
        profile=COMPETITIONS[COMPETITION],
        threshold=settings.score.threshold,
        epsilon=settings.score.epsilon,
        neighbours=settings.score.neighbours,
        nearest_count=settings.score.nearest,
        device="cpu",
    )
    return float(found.metrics["mifid"])


def test_a_file(folder: Path, kaggle: KaggleStandIn) -> None:
    assert submit(folder, kaggle, "dry-run")["status"] == "dry-run"
    assert kaggle.server.log == []
    settings = competition.parameters({"score.nearest": 4})
    kaggle.rules.score = lambda path: own_score(folder, settings, path)
    receipt = submit(folder, kaggle, "file")
    assert receipt["status"] == "complete"
    # Kaggle's answer has five decimals.
    assert receipt["public_score"] == pytest.approx(receipt["local_mifid"], abs=1e-5)
    assert submit(folder, kaggle, "file") == receipt
    assert len(kaggle.submissions) == 1
    ledger = folder / "kernels" / "submissions.jsonl"
    assert ledger.read_text().count("\n") == 2
    status = checkout.run(folder, "git", "status", "--short", "--untracked-files=all").stdout
    assert "kernels/submissions.jsonl" in status, "the ledger is git's to keep"


def test_a_kernel_needs_no_data_and_no_training_here(folder: Path, kaggle: KaggleStandIn) -> None:
    competition.write_data(kaggle.mounted)
    receipt = submit(folder, kaggle, "kernel")
    assert receipt["status"] == "complete"
    assert receipt["kernel_version"] == 1
    assert not (folder / "data").exists() or not list((folder / "data").glob("*.npy"))
    assert submit(folder, kaggle, "kernel") == receipt
    assert (len(kaggle.submissions), kaggle.sent("SaveKernel")) == (1, 1)


def test_neither_repro_nor_experiments_submit(folder: Path, kaggle: KaggleStandIn) -> None:
    environment = kaggle.environment(folder.parent / "home")
    for mode in ("kernel", "file"):
        checkout.set_params(folder, {"submit.mode": mode})
        checkout.run(folder, "dvc", "repro", "-P", timeout_s=LONG_S, **environment)
    assert (folder / "kernels/dcgan").is_dir(), "all pipeline files ran"
    # Beside an empty dvc.yaml, plain `dvc repro` takes that of kernels/.
    chain = (folder / "dvc.yaml").read_text()
    (folder / "dvc.yaml").write_text("")
    checkout.run(folder, "dvc", "repro", timeout_s=LONG_S, **environment)
    (folder / "dvc.yaml").write_text(chain)
    assert kaggle.server.log == []
    names = {"DVC_EXP_NAME": "rusty-cats"}
    refused = checkout.run(
        folder, "python", "-m", "pipeline", "submit-file", check=False, **environment, **names
    )
    assert refused.returncode == 1
    assert "error: experiment 'rusty-cats' may not submit" in refused.stdout
    assert kaggle.server.log == []
