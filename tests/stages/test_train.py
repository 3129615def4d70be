"""The train stage by its real command: its outs, its bytes, kills at random moments, bad input."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.common.errors import InputError
from pipeline.common.files import DiskFull
from pipeline.common.paths import Paths
from pipeline.config import schema
from pipeline.images.shape import ImageShape
from pipeline.models.saved import GeneratorInfo, SavedGenerator
from pipeline.stages import generate
from pipeline.stages import train as stage
from pipeline.training.monitor.metrics import TrainingDiverged
from tests import checkout
from tests.conftest import REPOSITORY
from tests.factories import tiny, workplace, write_params
from tests.standins import small_disk


def start(paths: Paths, **changes: Any) -> subprocess.Popen:
    """`python -m pipeline train` with tiny parameters in the folder."""
    write_params(paths.root, **changes)
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "--root", str(paths.root), "train"],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(paths: Paths, **changes: Any) -> None:
    """The stage in this process: as good where nothing is killed, and without torch's start-up."""
    settings = tiny(**changes)
    torch.set_num_threads(1)
    stage.run(paths, device=settings.device, model=settings.model, train=settings.train)


def weights(paths: Paths) -> dict[str, torch.Tensor]:
    return torch.load(paths.generator, weights_only=True)["state_dict"]


def assert_same_weights(one: Paths, other: Paths) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A run from start to end without a break."""
    paths = workplace(tmp_path_factory.mktemp("straight"))
    train(paths, **LONG)
    return paths


# 300 steps of a few milliseconds, a checkpoint every 0.1 s.
LONG = {
    "train__images": 2400,
    "train__sample_every_images": 800,
    "train__checkpoint_minutes": 0.002,
}


def test_outs(straight: Paths) -> None:
    info = SavedGenerator.load(straight.generator, torch.device("cpu")).info
    assert info == GeneratorInfo(
        family="dcgan",
        parameters={"channels": 4, "minibatch_stddev": True, "conditional": False},
        latent_dim=8,
        shape=ImageShape(16, 3),
        class_names=(),
        class_counts=(),
        images_seen=2400,
        fingerprint=info.fingerprint,
    )
    assert [path.name for path in straight.checkpoints.iterdir() if path.is_dir()] == [
        info.fingerprint
    ]
    assert sorted(path.stem for path in straight.grids.iterdir()) == [
        f"{seen:09d}" for seen in range(800, 2401, 800)
    ]
    assert Image.open(straight.samples).size == (128, 128)
    assert Image.open(straight.curves).format == "PNG"
    rows = straight.history.read_text().splitlines()
    assert len(rows) == 1 + 2400 // 16
    assert rows[0].startswith("images_seen,seconds,loss_d")
    curves = straight.curves_csv.read_text().splitlines()
    assert curves[0] == "images_seen,panel,metric,label,value"
    assert len(curves) == 1 + 7 * (2400 // 16)  # six metrics and the speed; no score
    facts = json.loads(straight.training.read_text())
    assert facts["images_seen"] == facts["kept_images_seen"] == 2400
    assert facts.keys() > {"loss_d", "loss_g", "d_real", "d_fake"}
    assert "seconds" not in facts  # the same run gives the same bytes


def test_a_short_run_has_a_grid_too_and_no_other_run_s(tmp_path: Path) -> None:
    # DVC fails a stage whose out, here the folder of grids, is not there.
    paths = workplace(tmp_path)
    paths.grids.mkdir(parents=True)
    (paths.grids / "000000001.png").write_bytes(b"of a run before")
    train(paths, train__images=16, train__batch_size=8, train__sample_every_images=1000)
    assert [path.name for path in paths.grids.iterdir()] == ["000000016.png"]


def test_the_same_bytes_again(straight: Paths, tmp_path: Path) -> None:
    again = workplace(tmp_path)
    train(again, **LONG)
    for name in ("generator", "samples", "training"):
        assert getattr(again, name).read_bytes() == getattr(straight, name).read_bytes(), name


def test_killed_at_random_moments_and_continued(straight: Paths, tmp_path: Path) -> None:
    """kill -9 twice, SIGTERM and SIGINT once each: the same weights to the bit."""
    paths = workplace(tmp_path)
    moments = random.Random(0)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        process = start(paths, **LONG)
        wait_for_a_new_checkpoint(paths, process)
        time.sleep(moments.uniform(0, 0.3))
        for _ in range(1 if number is signal.SIGKILL else 2):  # a launcher would pass it on
            process.send_signal(number)
        printed, _ = process.communicate(timeout=60)
        if number is not signal.SIGKILL and process.returncode:
            assert process.returncode == 128 + number, printed
            assert f"{number.name}: stopped at" in printed
    process = start(paths, **LONG)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "continuing at" in printed
    assert_same_weights(paths, straight)
    assert paths.samples.read_bytes() == straight.samples.read_bytes()
    assert sorted(p.name for p in paths.grids.iterdir()) == sorted(
        p.name for p in straight.grids.iterdir()
    )
    ours, theirs = (np.genfromtxt(p.history, delimiter=",", names=True) for p in (paths, straight))
    for column in ("images_seen", "loss_d", "loss_g", "d_real", "grad_norm_g"):
        assert np.array_equal(ours[column], theirs[column]), column


def wait_for_a_new_checkpoint(paths: Paths, process: subprocess.Popen) -> None:
    before = set(paths.checkpoints.rglob("*.pt"))
    deadline = time.monotonic() + 240  # on a busy machine a stage takes a minute to come up
    while process.poll() is None and set(paths.checkpoints.rglob("*.pt")) <= before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_more_images_continue_and_equal_a_longer_run(
    straight: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = workplace(tmp_path)
    train(paths, **LONG | {"train__images": 1200})
    train(paths, **LONG)
    assert "continuing at 1200 images" in capsys.readouterr().out
    assert_same_weights(paths, straight)


def test_a_finished_run_is_finished_at_once_and_fresh_starts_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = workplace(tmp_path)
    train(paths)
    first = paths.generator.read_bytes()
    paths.generator.unlink()  # as DVC does before it runs a stage
    train(paths)
    assert "continuing at 64 images" in capsys.readouterr().out
    assert paths.generator.read_bytes() == first
    train(paths, train__fresh=True)
    assert "continuing" not in capsys.readouterr().out
    assert paths.generator.read_bytes() == first
    train(paths, train__lr=1e-3)
    line = "a fresh start; the last run differs in train.lr: 0.0002 → 0.001"
    assert line in capsys.readouterr().out
    assert paths.generator.read_bytes() != first


def test_the_time_limit_leaves_a_finished_stage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = workplace(tmp_path)
    train(paths, train__images=10**7, train__time_limit_hours=0.3 / 3600)
    printed = capsys.readouterr().out
    assert "train.time_limit_hours = " in printed and "finished early" in printed
    seen = torch.load(paths.generator, weights_only=True)["images_seen"]
    assert 0 < seen < 10**7
    assert json.loads(paths.training.read_text())["images_seen"] == seen
    assert paths.samples.is_file() and paths.curves.is_file()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_no_trainer_goes_on_when_dvc_is_killed_alone(tmp_path: Path) -> None:
    """A parent that is killed with -9 stands for dvc; the trainer saves and ends by itself."""
    paths = workplace(tmp_path)
    write_params(tmp_path, train__images=10**7, train__checkpoint_minutes=0.002)
    command = [sys.executable, "-m", "pipeline", "--root", str(tmp_path), "train"]
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True);"
            "p.wait()",
            *command,
        ],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1", "DVC_STAGE": "train"},
        stdout=subprocess.PIPE,
        text=True,
    )
    trainer = int(parent.stdout.readline())
    wait_for_a_new_checkpoint(paths, parent)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{trainer}").exists():
        assert time.monotonic() < deadline, "the trainer goes on alone"
        time.sleep(0.02)


def test_a_generator_that_does_not_fit_on_the_disk_is_one_line(tmp_path: Path) -> None:
    """The checkpoint lies elsewhere and is whole: with room, the same command only writes."""
    paths = workplace(tmp_path)
    with small_disk.mounted(tmp_path / "outputs", 2 << 20) as disk:
        small_disk.fill(disk, 400_000)  # room for the grids
        with pytest.raises(DiskFull, match=r"generator\.pt: No space left on device; make room"):
            train(paths, model__dcgan__channels=64)
        assert {path.name for path in disk.iterdir()} == {"filling", "grids", "history.csv"}
        (disk / "filling").unlink()
        train(paths, model__dcgan__channels=64)
        assert paths.generator.stat().st_size > 400_000


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    paths = workplace(tmp_path, count=6)
    with pytest.raises(InputError, match=r"train.batch_size = 8: larger than the data \(6 crops\)"):
        train(paths)
    paths.index.unlink()
    with pytest.raises(InputError, match=r"index.csv: not there; run the crop stage first"):
        train(paths)
    paths.crops.unlink()
    with pytest.raises(InputError, match=r"crops.npy: not there; run the crop stage first"):
        train(paths)
    with pytest.raises(InputError, match="images of 48 px: DCGAN makes sides that are a power"):
        train(workplace(tmp_path, side_px=48))
    assert not list(tmp_path.rglob("*.pt"))


def test_crops_of_one_channel_make_images_of_one_channel(tmp_path: Path) -> None:
    """Training, grids, samples, the file of the generator and the images that it makes."""
    paths = workplace(tmp_path, channels=1)
    train(paths)
    for path in (paths.samples, *paths.grids.iterdir()):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (128, 128)), path
    assert SavedGenerator.load(paths.generator, torch.device("cpu")).info.shape == ImageShape(16, 1)
    generate.run(paths, device="cpu", generate=schema.Generate(count=5, seed=1, truncation=None))
    images = np.load(paths.generated)
    assert images.shape == (5, 16, 16, 1) and images.dtype == np.uint8
    assert len(np.unique(images.reshape(5, -1), axis=0)) == 5
    # The samples are the first images of the training's seed, which is 1 too.
    assert np.array_equal(images[0, :, :, 0], np.asarray(Image.open(paths.samples))[:16, :16])


def test_divergence_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    paths = workplace(tmp_path)
    train(paths)
    saved = {path: path.read_bytes() for path in paths.checkpoints.rglob("*.pt")}
    (path,) = saved
    state = torch.load(path, weights_only=True)
    # As a bad step would leave them: the next loss is not a number.
    for name in state["objective"]["generator"]:
        if name.endswith("weight"):
            state["objective"]["generator"][name].fill_(float("nan"))
    torch.save(state | {"images_seen": 80}, path.with_name("000000000080.pt"))
    with pytest.raises(
        TrainingDiverged, match="training diverged in the step at 80 images: loss_d nan"
    ):
        train(paths, train__images=200)
    assert path.read_bytes() == saved[path]


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limit the size of files, as a full disk would; lifted at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_one_line_and_nothing_is_lost(
    tmp_path: Path, small_files: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = workplace(tmp_path)
    train(paths)
    (path,) = paths.checkpoints.rglob("*.pt")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    small_files(path.stat().st_size // 2)
    with pytest.raises(
        DiskFull, match=r"checkpoint at 128 images could not be written .* Make room"
    ):
        train(paths, train__images=128)
    assert list(paths.checkpoints.rglob("*.pt")) == [path]
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    train(paths, train__images=128)
    assert "continuing at 64 images" in capsys.readouterr().out


def test_scores_pick_the_best(tmp_path: Path) -> None:
    paths = workplace(tmp_path, count=30, side_px=64)
    scoring = {"train__score_every_images": 16, "train__images": 48}
    train(paths, **scoring)
    last = weights(paths)
    rows = np.genfromtxt(paths.history, delimiter=",", names=True)
    assert np.isfinite(rows["mifid"]).all() and np.isfinite(rows["fid"]).all()
    best = int(rows["images_seen"][rows["mifid"].argmin()])
    # The same run, whose checkpoint is there: only the choice at its end differs.
    train(paths, **scoring, train__keep="best")
    facts = json.loads(paths.training.read_text())
    assert facts["kept_images_seen"] == best
    assert facts["mifid_best_images"] == best
    assert facts["mifid_best"] == pytest.approx(rows["mifid"].min(), rel=1e-4)
    assert facts["mifid_last"] == pytest.approx(rows["mifid"][-1], rel=1e-4)
    same = all(torch.equal(last[name], weight) for name, weight in weights(paths).items())
    assert same == (best == 48)


def test_scores_leave_the_weights_as_they_are(tmp_path: Path) -> None:
    """A score is computed beside the training, in a thread with a number of threads of its own."""
    scored, unscored = workplace(tmp_path / "scored"), workplace(tmp_path / "unscored")
    settings = {"train__threads": 2, "train__images": 48}
    train(scored, **settings, train__score_every_images=16)
    train(unscored, **settings, train__score_every_images=0)
    assert_same_weights(scored, unscored)


@pytest.mark.slow
def test_compiled_networks_train_alike_and_continue_to_the_bit(tmp_path: Path) -> None:
    plain, straight, broken = (workplace(tmp_path / name) for name in ("plain", "one", "two"))
    train(plain)
    train(straight, train__compile=True)
    train(broken, train__compile=True, train__images=24)
    train(broken, train__compile=True)
    assert_same_weights(broken, straight)
    ours, theirs = (
        np.genfromtxt(paths.history, delimiter=",", names=True) for paths in (straight, plain)
    )
    for column in ("loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g"):
        # float32 sums in another order, through eight steps of Adam.
        assert np.allclose(ours[column], theirs[column], rtol=2e-3), column


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_dvc_killed_alone_and_run_again(tmp_path: Path) -> None:
    """The real `dvc repro`, killed with -9 twice: its trainer ends, and the next run continues."""
    folder = checkout.copy(REPOSITORY, tmp_path / "clone")
    changes = {"train.images": 10**6, "train.checkpoint_minutes": 0.01}
    checkout.set_params(folder, checkout.TINY | changes)
    paths = Paths(folder)
    for _ in range(2):
        dvc = subprocess.Popen(
            ["dvc", "repro", "train"], cwd=folder, env=checkout.environment(folder)
        )
        wait_for_a_new_checkpoint(paths, dvc)
        children = Path(f"/proc/{dvc.pid}/task/{dvc.pid}/children").read_text().split()
        assert children
        dvc.kill()
        dvc.wait()
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline, "the trainer goes on alone"
            time.sleep(0.05)
    seen = max(int(path.stem) for path in paths.checkpoints.rglob("*.pt"))
    checkout.set_params(folder, {"train.images": seen + 64})
    printed = checkout.run(folder, "dvc", "repro", "train").stdout
    assert f"continuing at {seen} images" in printed
