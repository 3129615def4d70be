"""benchmarks.bench_recipe: its training is the pipeline's, and its results can be had in parts."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import bench_recipe, bench_sampling
from pipeline.common.errors import InputError
from pipeline.data.dataset import Dataset
from pipeline.models.saved import SavedGenerator
from pipeline.pretrained import weights
from pipeline.stages import train as stage
from research.long_training import LongTraining
from tests import factories

CLASSES = ("beagle", "pug", "pointer")
CPU = torch.device("cpu")
TINY = "shipped+c4+train.batch_size=4+model.latent_dim=8"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("conditional", [False, True])
def test_its_weights_are_those_of_the_train_stage(tmp_path: Path, conditional: bool) -> None:
    changes = bench_recipe.changes_of(TINY) | {
        "train.images": 64, "train.seed": 3, "train.ema_halflife_images": 2,
        "train.score_every_images": 0, "model.dcgan.conditional": conditional,
    }  # fmt: skip
    settings = bench_recipe.parameters(changes)
    paths = factories.workplace(tmp_path / "run", classes=CLASSES)
    stage.run(paths, device="cpu", model=settings.model, train=settings.train)
    theirs = SavedGenerator.load(paths.generator, CPU)

    dataset = Dataset.load(paths.crops, paths.index)
    for images in (24, 64):  # stopped and continued
        ours = LongTraining(dataset, settings, tmp_path / "long", [2, 5], CPU)
        ours.train_to(images)
    state = ours.finished_generator(2).state_dict()
    for name, tensor in theirs.network.state_dict().items():
        torch.testing.assert_close(state[name], tensor, rtol=0, atol=0, msg=name)
    other = ours.finished_generator(5).state_dict()
    assert not torch.equal(other["layers.0.weight"], state["layers.0.weight"])
    info = ours.info(64)
    assert info.class_names == theirs.info.class_names
    assert info.class_counts == theirs.info.class_counts
    assert (info.family, info.parameters) == (theirs.info.family, theirs.info.parameters)


def test_averages_that_nobody_asks_for_are_kept_and_new_ones_refused(tmp_path: Path) -> None:
    dataset = factories.dataset(classes=CLASSES)
    settings = bench_recipe.parameters(bench_recipe.changes_of(TINY))
    LongTraining(dataset, settings, tmp_path, [2, 5], CPU).train_to(24)
    LongTraining(dataset, settings, tmp_path, [5], CPU).train_to(64)
    whole = LongTraining(dataset, settings, tmp_path / "whole", [2], CPU)
    whole.train_to(64)
    kept = LongTraining(dataset, settings, tmp_path, [2], CPU).finished_generator(2).state_dict()
    for name, tensor in whole.finished_generator(2).state_dict().items():
        torch.testing.assert_close(kept[name], tensor, rtol=0, atol=0)
    with pytest.raises(InputError, match=r"half-life \[7\].*name some of \[2, 5\]"):
        LongTraining(dataset, settings, tmp_path, [2, 7], CPU)


class FewFeatures:
    """In the teacher's place: means of an image's parts."""

    identity = "few features"

    def __init__(self, _weights: Path, *, device: str) -> None:
        pass

    def features(self, images: np.ndarray) -> np.ndarray:
        parts = images.reshape(len(images), 4, 4, 4, 4, 3).mean((2, 4)).reshape(len(images), -1)
        return parts.astype(np.float32)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    factories.workplace(tmp_path / "work", classes=CLASSES)
    for name, few in (("HELD_OUT", 8), ("REAL", 16), ("GENERATED", 16)):
        monkeypatch.setattr(bench_recipe, name, few)
    monkeypatch.setattr(bench_recipe, "Teacher", FewFeatures)
    monkeypatch.setenv("INCEPTION_PARTIAL", "none")
    return tmp_path / "work"


def bench(monkeypatch: pytest.MonkeyPatch, work: Path, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_recipe", "--work", str(work), *arguments])
    bench_recipe.main()


def test_milestones_averages_and_seeds_each_have_a_result(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    of_tiny = ("--variants", "held-out", TINY, "--halflives", "8")
    bench(monkeypatch, work, *of_tiny, "--milestones", "16")
    bench(monkeypatch, work, *of_tiny, "--milestones", "16", "32", "--seeds", "1", "2")
    results = {
        path.stem: json.loads(path.read_text()) for path in (work / "results").glob("*.json")
    }
    own = 5000
    assert set(results) == {"held-out"} | {
        f"{TINY}-s{seed}-i{images}-h{halflife}"
        for seed in (1, 2) for images in (16, 32) for halflife in (8, own)
    }  # fmt: skip
    assert all({"fid", "kid", "d", "seconds"} <= set(result) for result in results.values())
    assert {r["halflife"] for r in results.values() if r["is_own"]} == {0, own}
    said = capsys.readouterr().out
    assert re.search(
        r"^fid: -?[\d.]+ over 9 sets of samples, -?[\d.]+ within a training", said, re.M
    )
    rows = said.splitlines()
    (row,) = {row for row in rows if f"| {TINY} | 32 | 8 | 2 |" in row}
    fids = [results[f"{TINY}-s{seed}-i32-h8"]["fid"] for seed in (1, 2)]
    assert f"{np.median(fids):.2f} ({min(fids):.2f} to {max(fids):.2f})" in row


def test_a_generator_is_written_as_the_package_reads_it(
    work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench(monkeypatch, work, "--variants", TINY, "--halflives", "8", "--milestones", "16",
          "--export", str(tmp_path / "tiny.safetensors"))  # fmt: skip
    written = weights.load("tiny", CPU, folder=tmp_path)
    assert written.info.images_seen == 16 and written.info.class_names == ()
    shown = np.load(work / "results" / f"{TINY}-s1-i16-h8.npy")
    assert np.abs(written.sample(1, 16).astype(int) - shown.astype(int)).max() <= 2


def test_samples_are_kept_by_the_papers_chances() -> None:
    """Azadi et al. 2019, equation 8; without γ it is exp(F - M), as in rejection sampling."""
    logits = np.random.default_rng(0).normal(0, 2, 500)
    plain = np.exp(logits - logits.max())
    raised = np.log(plain) - np.log1p(-plain * np.exp(-1e-6))
    for percentile in (10, 80):
        found = bench_sampling.chances(logits, percentile)
        gamma = np.percentile(raised, percentile)
        np.testing.assert_allclose(found, 1 / (1 + np.exp(gamma - raised)), rtol=1e-6)
        assert (np.diff(found[np.argsort(logits)]) >= 0).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-raised)), plain, rtol=1e-4)


def test_ways_of_sampling_have_a_row_each(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(bench_sampling, "GENERATED", 16)
    monkeypatch.setattr(bench_sampling, "_POOL", 64)
    bench(monkeypatch, work, "--variants", TINY, "--milestones", "16")
    capsys.readouterr()
    arguments = ["--work", str(work), "--variant", TINY, "--images", "16", "--halflife", "5000"]
    monkeypatch.setattr(sys, "argv", ["bench_sampling", *arguments])
    bench_sampling.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    names = [row.split(" | ")[0] for row in rows]
    assert "| as drawn" in names and "| latents within 0.5" in names
    assert any(name.startswith("| rejection") for name in names)
    assert "| within 1.0, statistics of such latents" in names
    assert all(row.count("|") == 8 for row in rows)
