"""What runs first on Kaggle: packages, the data in whatever nesting, the time that is left."""

import sys
from pathlib import Path
from typing import Any

import pytest

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
    assert kernel_main.find_data(tmp_path) == folder


def test_finds_packed_data(tmp_path: Path) -> None:
    folder = tmp_path / "input" / SLUG
    competition.write_zips(folder, photos=2)
    assert kernel_main.find_data(tmp_path) == folder


@pytest.mark.parametrize("there", [(), ("all-dogs",), ("annotation",)])
def test_says_what_to_attach_where_there_is_no_data(tmp_path: Path, there: tuple[str, ...]) -> None:
    (tmp_path / "input" / SLUG).mkdir(parents=True)
    for name in there:
        (tmp_path / "input" / SLUG / name).mkdir()
    with pytest.raises(SystemExit, match="attach the competition's data"):
        kernel_main.find_data(tmp_path)


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
