"""The commands `sudoku` and `write`: options, and the files that they write."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import __main__ as command_line
from pipeline.sudoku import preparation
from tests.sudoku import synthetic


@pytest.fixture(autouse=True)
def drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "prepare", lambda paths, params_file: synthetic.supply())


def run(tmp_path: Path, *arguments: str) -> int:
    return command_line.main(["--root", str(tmp_path), *arguments])


def test_a_board_becomes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "board.html"
    assert run(tmp_path, "sudoku", "--html", str(out), "--seed", "7", "--level", "hard") == 0
    assert capsys.readouterr().out.startswith(f"{out}: hard board 7, ")
    first = out.read_bytes()
    assert b'"level":"hard","seed":7' in first and len(first) < 1_000_000
    assert run(tmp_path, "sudoku", "--html", str(out), "--seed", "7", "--level", "hard") == 0
    assert out.read_bytes() == first


def test_a_date_becomes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "date.png"
    assert run(tmp_path, "write", "2026-11-26", "--out", str(out), "--scale", "2") == 0
    assert "8 certified digits" in capsys.readouterr().out
    assert np.asarray(Image.open(out)).shape == (76 + 16, 8 * 76 + 2 * 38 + 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sudoku", "--port", "70000"], "--port 70000: must be from 0 to 65535"),
        (["sudoku", "--seed", "7"], "--seed and --level are for --html"),
        (["sudoku", "--html", "x.html", "--seed", "-1"], "--seed -1: must be from 0 to"),
        (["sudoku", "--html", "x.html", "--level", "no"], "--level no: must be one of easy"),
        (["sudoku", "--html", "x.png"], "--html x.png: must end in .html"),
        (["write", "no", "--out", "x.png"], "text 'no': has 'n'"),
        (["write", "1", "--out", "x.jpg"], "--out x.jpg: must end in .png"),
        (["write", "1", "--out", "x.png", "--scale", "0"], "--scale 0: must be from 1 to 16"),
        (["write", "1", "--out", "x.png", "--seed", "-1"], "--seed -1: must be from 0 to"),
    ],
)
def test_a_bad_option_is_one_line(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, *arguments) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
