"""What runs first on Kaggle: packages, the data in whatever nesting, the time that is left."""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torchvision

from pipeline.kaggle.bundle import kernel_main
from tests.kaggle import competition

SLUG = "generative-dog-images"


@pytest.mark.parametrize("mount", ["", SLUG, f"competitions/{SLUG}"])
@pytest.mark.parametrize(
    "nesting", ["annotation/Annotation", "Annotation/Annotation", "Annotation"]
)
def test_finds_unpacked_data(tmp_path: Path, mount: str, nesting: str) -> None:
    (tmp_path / "input" / "another-dataset" / "pictures").mkdir(parents=True)
    folder = tmp_path / "input" / mount
    competition.write_data(folder, photos=2, nesting=nesting)
    assert kernel_main.find_data(tmp_path, SLUG) == folder


def test_finds_packed_data(tmp_path: Path) -> None:
    folder = tmp_path / "input" / SLUG
    competition.write_zips(folder, photos=2)
    assert kernel_main.find_data(tmp_path, SLUG) == folder


@pytest.mark.parametrize("mount", ["gan-getting-started", "competitions/gan-getting-started"])
def test_finds_the_paintings(tmp_path: Path, mount: str) -> None:
    folder = tmp_path / "input" / mount
    (folder / "monet_jpg").mkdir(parents=True)
    (folder / "photo_jpg").mkdir()
    assert kernel_main.find_data(tmp_path, "gan-getting-started") == folder
    with pytest.raises(SystemExit, match="holds all-dogs and annotation: attach"):
        kernel_main.find_data(tmp_path, SLUG)


@pytest.mark.parametrize("there", [(), ("all-dogs",), ("annotation",)])
def test_says_what_to_attach_where_there_is_no_data(tmp_path: Path, there: tuple[str, ...]) -> None:
    (tmp_path / "input" / SLUG).mkdir(parents=True)
    for name in there:
        (tmp_path / "input" / SLUG / name).mkdir()
    with pytest.raises(SystemExit, match="attach the competition's data"):
        kernel_main.find_data(tmp_path, SLUG)


def test_says_so_too_where_there_is_no_input_at_all(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="attach the competition's data"):
        kernel_main.find_data(tmp_path, SLUG)


@pytest.mark.parametrize(
    ("package", "version"),
    [("torch", "2.5.1+cu121"), ("torch", "1.13.0a0"), ("pydantic", "1.10.9")],
)
def test_an_old_package_is_named_first_thing(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str
) -> None:
    monkeypatch.setattr(importlib.import_module(package), "__version__", version)
    with pytest.raises(SystemExit) as stopped:
        kernel_main.check_packages()
    said = str(stopped.value)
    assert f"its image has {version}: choose Kaggle's latest" in said
    assert f"needs {package} 2." in said
    assert "\n" not in said


@pytest.mark.parametrize("version", ["2.6.0", "2.10.0+cu126", "2.6.0a0+git1234"])
def test_a_new_enough_torch_is_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(importlib.import_module("torch"), "__version__", version)
    kernel_main.check_packages()


def test_a_missing_package_is_named_first_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_main, "PACKAGES", ("numpy", "no_such_package", "nor_this"))
    with pytest.raises(SystemExit, match="lacks no_such_package, nor_this: choose Kaggle's latest"):
        kernel_main.check_packages()


def test_says_what_it_runs_on(capsys: pytest.CaptureFixture[str]) -> None:
    kernel_main.greet("0123456789abcdef")
    kernel_main.check_packages()
    said = capsys.readouterr().out
    assert f"kernel 0123456789abcdef, Python {sys.version.split()[0]}\n" in said
    assert "torch 2." in said
    assert f"torchvision {torchvision.__version__.partition('+')[0]}" in said
    assert f", numpy {numpy.__version__}, scipy " in said and ", PIL " in said


def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: list[str]) -> None:
    monkeypatch.setenv("DOGS_KAGGLE_ROOT", str(tmp_path))
    monkeypatch.setattr(kernel_main, "gpu_names", lambda: gpus)


def of_model(
    name: str, channels: int | None, shape: str = "NvidiaTeslaT4", *, side_px: int = 64
) -> dict[str, Any]:
    sizes = {} if channels is None else {"channels": channels}
    params = {"model": {"name": name, name: sizes}, "crop": {"side_px": side_px}}
    return {"params": params, "machine_shape": shape}


@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_wide_networks_without_a_gpu_stop_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    session(tmp_path, monkeypatch, [])
    with pytest.raises(SystemExit, match="no GPU, and 64 channels at 64 px need one: choose an"):
        kernel_main.check_session(of_model(name, 64))
    kernel_main.check_session(of_model(name, 63))
    with pytest.raises(SystemExit, match="no GPU, and 64 channels at 32 px need one"):
        kernel_main.check_session(of_model(name, 64, side_px=32))
    with pytest.raises(SystemExit, match="no GPU, and 16 channels at 256 px need one"):
        kernel_main.check_session(of_model(name, 16, side_px=256))
    kernel_main.check_session(of_model(name, 15, side_px=256))
    with pytest.raises(SystemExit, match="no GPU, and 32 channels at 256 px need one"):
        kernel_main.check_session(of_model(name, 32, side_px=256))
    kernel_main.check_session(of_model("vae", None))
    session(tmp_path, monkeypatch, ["Tesla T4", "Tesla T4"])
    kernel_main.check_session(of_model(name, 64))


@pytest.mark.parametrize(
    ("shape", "gpus", "said"),
    [
        ("NvidiaTeslaT4", ["Tesla T4", "Tesla T4"], ""),
        (
            "NvidiaTeslaP100",
            ["Tesla T4", "Tesla T4"],
            "NvidiaTeslaP100 was asked for, this",
        ),
        ("NvidiaTeslaP100", ["Tesla P100-PCIE-16GB"], ""),
        ("NvidiaL4", ["NVIDIA L4"], ""),
    ],
)
def test_another_accelerator_than_asked_for_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shape: str,
    gpus: list[str],
    said: str,
) -> None:
    session(tmp_path, monkeypatch, gpus)
    kernel_main.check_session(of_model("dcgan", 64, shape))
    printed = capsys.readouterr().out
    assert said in printed and bool(printed) == bool(said)


def test_a_folder_in_the_zips_place_stops_it_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(tmp_path, monkeypatch, [])
    (tmp_path / "working" / "images.zip").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"images\.zip is a folder"):
        kernel_main.check_session(of_model("dcgan", 8))


def test_the_list_of_bad_photos_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scratch folder goes a moment later."""
    session(tmp_path, monkeypatch, [])
    refused = tmp_path / "scratch" / "index.refused.csv"
    refused.parent.mkdir()
    refused.write_text("file\n")
    said = kernel_main.keep_index(refused, f"bad photos: each is listed in {refused}")
    kept = tmp_path / "working" / "index.refused.csv"
    assert said == f"bad photos: each is listed in {kept}"
    assert kept.read_text() == "file\n"
    assert kernel_main.keep_index(tmp_path / "none", "no crops") == "no crops"


def parameters(
    limit_hours: float, room_minutes: float, train_hours: float | None
) -> dict[str, Any]:
    train = {"time_limit_hours": train_hours}
    return {
        "params": {"train": train},
        "time_limit_hours": limit_hours,
        "room_minutes": room_minutes,
    }


def test_training_gets_what_the_run_so_far_and_the_packing_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel_main, "STARTED", kernel_main.time.monotonic() - 0.25 * 3600)
    # 9 h, less half an hour of room, less a quarter that has passed (and the test's own moment).
    assert kernel_main.hours_to_train(parameters(9, 30, None)) == pytest.approx(8.25, abs=0.01)
    assert kernel_main.hours_to_train(parameters(9, 30, 2.0)) == 2.0
    assert kernel_main.hours_to_train(parameters(9, 30, 8.5)) == pytest.approx(8.25, abs=0.01)
    with pytest.raises(SystemExit, match="no time is left to train"):
        kernel_main.hours_to_train(parameters(0.5, 30, None))


def test_leaves_the_zip_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOGS_KAGGLE_ROOT", str(tmp_path / "kaggle"))
    (tmp_path / "kaggle").mkdir()
    scratch = tmp_path / "scratch"
    (scratch / "outputs").mkdir(parents=True)
    (scratch / "outputs" / "images.zip").write_bytes(b"zip")
    (scratch / "outputs" / "generated.npy").write_bytes(b"array")
    kernel_main.deliver(scratch)
    working = tmp_path / "kaggle" / "working"
    assert {path.name: path.read_bytes() for path in working.iterdir()} == {"images.zip": b"zip"}


def test_stands_on_python_alone() -> None:
    """It runs before the package is unpacked, so it imports nothing of it at its head."""
    text = Path(kernel_main.__file__).read_text()
    head = text[: text.index("STAGES =")]
    names = {line.split()[1].partition(".")[0] for line in head.splitlines() if "import " in line}
    assert names <= set(sys.stdlib_module_names)
