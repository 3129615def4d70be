"""The curves as one picture."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline.training.engine.objective import Metric
from pipeline.training.monitor.curves import draw_curves
from pipeline.training.monitor.history import History

METRICS = (Metric("elbo", "ELBO", "bound (nats)"), Metric("kl", "KL", "divergence (nats)"))


def test_curves_are_drawn_with_and_without_a_score(tmp_path: Path) -> None:
    history = History(METRICS)
    rows = [history.row(images_seen=seen, elbo=-1.0, kl=0.5) for seen in (10, 20)]
    heights = []
    for scored in (False, True):
        if scored:
            rows[1]["mifid"] = 3.0
        for name in ("a", "b"):
            draw_curves(tmp_path / f"{name}.png", history.metrics, rows)
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
        heights.append(Image.open(tmp_path / "a.png").height)
    # A chart for each panel with a value: two, then three.
    assert heights == [2 * 220, 3 * 220]


def test_a_run_without_a_row_has_a_picture_too(tmp_path: Path) -> None:
    draw_curves(tmp_path / "curves.png", History(METRICS).metrics, [])
    assert Image.open(tmp_path / "curves.png").format == "PNG"


def test_without_matplotlib_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    draw_curves(tmp_path / "curves.png", METRICS, [])
    assert capsys.readouterr().out == "curves.png: not drawn, matplotlib is not installed\n"
    assert not (tmp_path / "curves.png").exists()
