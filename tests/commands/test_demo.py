"""`demo`: samples, a walk and their page, of a generator that comes with the package."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.__main__ import main
from pipeline.pretrained import weights


def test_the_files_show_what_the_generator_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["--root", str(tmp_path), "demo", "--seed", "3"]) == 0
    folder = tmp_path / "outputs" / "demo"
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html", "samples.png", "walk.gif",
    ]  # fmt: skip
    assert f"{folder / 'index.html'}: " in capsys.readouterr().out
    generator = weights.load("stanford-dogs", torch.device("cpu"))
    with Image.open(folder / "samples.png") as image:
        sheet = np.asarray(image)
    side = generator.info.shape.side_px
    first = generator.sample(3, 64)[0]
    assert np.abs(sheet[:side, :side].astype(int) - first.astype(int)).max() <= 1
    with Image.open(folder / "walk.gif") as walk:
        assert walk.n_frames == 72 and walk.info["loop"] == 0
        assert walk.size == (3 * side, 3 * side)
    html = (folder / "index.html").read_text("utf-8")
    shown = re.search(r"data:image/gif;base64,([^\"]+)", html)
    assert base64.b64decode(shown[1]) == (folder / "walk.gif").read_bytes()
    assert len(html) < 5e6


def test_bad_options_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for option, said in (
        (("--pretrained", "cats"), "--pretrained cats: no such generator; there is stanford-dogs"),
        (("--seed", "-1"), "--seed -1: must not be negative"),
    ):
        assert main(["--root", str(tmp_path), "demo", *option]) == 1
        assert capsys.readouterr().err == f"error: {said}\n"
    assert list(tmp_path.iterdir()) == []
