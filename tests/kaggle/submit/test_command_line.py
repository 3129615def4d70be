"""The unmodified `kaggle` command against the stand-in: what we build is what it takes."""

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pipeline.common.paths import Paths
from pipeline.kaggle import kernel
from pipeline.stages import bundle
from tests.kaggle import competition, runs
from tests.standins.kaggle_api import COMPETITION, SMALL, USER, KaggleStandIn
from tests.standins.kaggle_worker import clean_environment


def command(standin: KaggleStandIn, *arguments: str) -> str:
    """Run `kaggle …`. Returns what it printed."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "kaggle"), *arguments],
        cwd=standin.folder,
        env=clean_environment() | standin.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kernel_type", ["script", "notebook"])
def test_it_pushes_a_bundle_as_it_stands(
    kaggle: KaggleStandIn, tmp_path: Path, kernel_type: str
) -> None:
    paths = Paths(tmp_path / "checkout")
    settings = competition.parameters({"kaggle.kernel_type": kernel_type})
    bundle.run(paths, **{name: getattr(settings, name) for name in bundle.SECTIONS})
    printed = command(kaggle, "kernels", "push", "-p", str(paths.kernel))
    assert "Kernel version 1 successfully pushed" in printed
    assert "does not resolve to the specified id" not in printed, "title and slug agree"
    built = kernel.load(paths.kernel)
    (push,) = kaggle.kernels[built.id].pushes
    assert kernel.same_code(push["text"], built.code)
    assert (push["kernelType"], push["language"]) == (kernel_type, "python")
    assert push["competitionDataSources"] == [SMALL]
    assert push["machineShape"] == "NvidiaTeslaT4"
    assert (push["isPrivate"], push["enableGpu"]) == (True, True)
    assert not push.get("enableInternet")


def test_it_runs_a_kernel_and_gets_its_output(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "checkout")
    built = runs.write_kernel(paths, kaggle)
    command(kaggle, "kernels", "push", "-p", str(paths.kernel))
    worker = kaggle.kernels[built.id].workers[0]
    end = time.monotonic() + 30
    while worker.status in ("QUEUED", "RUNNING") and time.monotonic() < end:
        time.sleep(0.05)
    assert "COMPLETE" in command(kaggle, "kernels", "status", built.id)
    command(kaggle, "kernels", "output", built.id, "-p", str(tmp_path / "fetched"))
    fetched = tmp_path / "fetched" / "images.zip"
    assert fetched.read_bytes() == (kaggle.mounted / "images.zip").read_bytes()
    submit = ["competitions", "submit", SMALL, "-k", built.id, "-v", "1", "-f", "images.zip"]
    assert "Successfully submitted" in command(kaggle, *submit, "-m", "by hand")
    assert kaggle.submissions[0].kernel_version == 1


def test_it_submits_a_file_and_lists_it(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    runs.write_zip(path)
    printed = command(kaggle, "competitions", "submit", SMALL, "-f", str(path), "-m", "by hand")
    assert "Successfully submitted" in printed
    assert kaggle.submissions[0].path.read_bytes() == path.read_bytes()
    command(kaggle, "competitions", "submissions", SMALL)
    listed = command(kaggle, "competitions", "submissions", SMALL, "-v")
    assert "by hand" in listed
    assert "42.5" in listed


@pytest.mark.slow  # it waits 2 s before it resumes
def test_it_downloads_the_data(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    with zipfile.ZipFile(kaggle.data / "all-dogs.zip", "w") as archive:
        archive.writestr("dog", b"woof" * 1000)
    kaggle.fault("GET", drop="during")
    command(
        kaggle, "competitions", "download", COMPETITION, "-f", "all-dogs.zip", "-p", str(tmp_path)
    )
    given = (kaggle.data / "all-dogs.zip").read_bytes()
    assert (tmp_path / "all-dogs.zip").read_bytes() == given


def test_it_is_refused_another_users_kernel(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "checkout")
    settings = competition.parameters({"kaggle.username": None})
    bundle.run(paths, **{name: getattr(settings, name) for name in bundle.SECTIONS})
    with pytest.raises(AssertionError, match="Permission"):
        command(kaggle, "kernels", "push", "-p", str(paths.kernel))
    assert USER not in kernel.load(paths.kernel).id
