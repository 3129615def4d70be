"""The number of threads of a training: what is asked for, or a rule over cores and work."""

import os
from pathlib import Path

import pytest
import torch

from pipeline.common import cores
from pipeline.training import threads
from pipeline.training.engine import distributed
from tests import factories


def count(**changes: object) -> int:
    settings = factories.tiny(train__threads="auto", **changes)
    return threads.count(factories.dataset(), model=settings.model, train=settings.train)


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable", lambda: 8)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)


def test_a_number_is_taken_as_it_is() -> None:
    settings = factories.tiny(train__threads=13)
    assert threads.count(factories.dataset(), model=settings.model, train=settings.train) == 13


def test_a_tiny_network_gets_one_thread_and_a_wide_one_half_of_the_cores() -> None:
    assert count() == 1
    assert count(model__dcgan__channels=256, train__batch_size=40) == 4
    wide = {"model__name": "vae", "model__vae__widths": [1024, 2048], "train__flips": False}
    assert count(**wide, train__batch_size=40) == 4


@pytest.mark.parametrize(("usable", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (8, 4)])
def test_an_odd_core_is_left(monkeypatch: pytest.MonkeyPatch, usable: int, expected: int) -> None:
    monkeypatch.setattr(cores, "usable", lambda: usable)
    assert count(model__dcgan__channels=256, train__batch_size=40) == expected


def test_more_work_never_gets_fewer_threads() -> None:
    counts = [count(model__dcgan__channels=channels) for channels in (4, 16, 64, 128, 256, 512)]
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] == 4


def write_usable_cores(folder: str) -> None:
    Path(folder, os.environ["RANK"]).write_text(f"{cores.usable()}")


@pytest.mark.parametrize(("usable", "told"), [(8, 4), (3, 1), (1, 1)])
def test_processes_of_one_machine_share_its_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usable: int, told: int
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("OMP_NUM_THREADS", str(usable))
    distributed.launch(write_usable_cores, (str(tmp_path),), 2)
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == [str(told)] * 2
    assert os.environ["OMP_NUM_THREADS"] == str(usable)


def test_one_of_several_processes_has_a_part_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"model__dcgan__channels": 256, "train__batch_size": 40}
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert count(**wide) == 4
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "40")
    assert count(**wide) < 4


@pytest.mark.parametrize("classes", [("dog",), ("cat", "dog", "owl")])
def test_the_work_is_that_of_the_matrix_products(classes: tuple[str, ...]) -> None:
    """Of a fully connected generator: twice the product of each layer's inputs and outputs."""
    settings = factories.tiny(
        model__name="mlp",
        model__latent_dim=5,
        model__mlp__generator_widths=[7, 11],
        model__mlp__conditional=len(classes) > 1,
    )
    inputs = 5 + (len(classes) if len(classes) > 1 else 0)
    pixels = 16 * 16 * 3
    found = threads._generator_flops(factories.dataset(classes=classes), settings.model)
    assert found == 2 * (inputs * 7 + 7 * 11 + 11 * pixels)


def test_auto_names_the_run_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two numbers of threads round differently, so they are two runs; `auto` is the run of the
    number that it stands for."""
    from pipeline.stages import train as stage

    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_FLOPS_A_THREAD", 1.0)
    paths = factories.workplace(tmp_path)
    runs = []
    for asked, usable in ((2, 8), ("auto", 4), ("auto", 3), (1, 8)):
        monkeypatch.setattr(cores, "usable", lambda usable=usable: usable)
        settings = factories.tiny(train__threads=asked)
        stage.run(paths, device="cpu", model=settings.model, train=settings.train)
        runs.append({run.name for run in paths.checkpoints.iterdir() if run.is_dir()})
        assert torch.get_num_threads() == before
    assert len(runs[0]) == 1 and runs[1] == runs[0] and len(runs[2]) == 2 and runs[3] == runs[2]
