"""The CSV, the grid and the curves."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.training.monitor import grids as pictures
from pipeline.training.monitor import history
from tests.training.tiny import crops


def test_rows_and_empty_cells(tmp_path: Path) -> None:
    rows = [
        history.row(images_seen=1000, loss_d=1.23456789),
        history.row(images_seen=2000, fid=0.5),
    ]
    history.write(tmp_path / "history.csv", rows)
    assert (tmp_path / "history.csv").read_text() == (
        "images_seen,seconds,loss_d,loss_g,d_real,d_fake,grad_norm_d,grad_norm_g,images_per_s,"
        "memory_mb,fid,mifid,memorization_distance\n"
        "1000,,1.23457,,,,,,,,,,\n"
        "2000,,,,,,,,,,0.5,,\n"
    )


def test_the_grid_reads_row_by_row() -> None:
    images = crops(6)
    sheet = np.asarray(Image.open(io.BytesIO(pictures.grid_png(images, columns=3))))
    assert sheet.shape == (32, 48, 3)
    assert np.array_equal(sheet[:16, 32:], images[2])
    assert np.array_equal(sheet[16:, :16], images[3])


def test_curves_are_drawn_with_and_without_a_score(tmp_path: Path) -> None:
    figures = dict.fromkeys(
        ("loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g"), 1.0
    )
    rows = [history.row(images_seen=seen, **figures) for seen in (10, 20)]
    sizes = []
    for scored in (False, True):
        if scored:
            rows[1]["mifid"] = 3.0
        pictures.draw_curves(rows, tmp_path / "a.png")
        pictures.draw_curves(rows, tmp_path / "b.png")
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
        sizes.append(Image.open(tmp_path / "a.png").size)
    assert sizes[1][1] > sizes[0][1]  # a panel more
