"""FID-768 of a run's folder: of its samples against images that training did not see."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.common import npy
from pipeline.common.paths import Paths
from research import fid768
from research.distillation.teacher import Teacher
from tests import factories


def run_of(root: Path, samples: np.ndarray) -> Paths:
    paths = factories.workplace(root)
    npy.write(paths.generated, samples)
    return paths


def test_a_run_is_scored_against_its_crops_where_nothing_was_held_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    random_inception: Path,
) -> None:
    monkeypatch.setattr(fid768, "IMAGES", 12)
    monkeypatch.setenv("INCEPTION_PARTIAL", str(random_inception))
    noise = run_of(tmp_path / "noise", factories.noise(12))
    real = fid768.real_images(noise)
    run_of(tmp_path / "copies", real[:12])
    monkeypatch.setattr("sys.argv", ["fid768", *(str(tmp_path / n) for n in ("noise", "copies"))])
    fid768.main()
    lines = capsys.readouterr().out.splitlines()
    teacher = Teacher(random_inception)
    ours, theirs = (fid768.features(teacher, images) for images in (factories.noise(12), real))
    assert ours.shape == (12, 768)
    expected = fid768.fid(ours, theirs)
    assert expected > 0.1
    assert lines[0].startswith(f"noise: FID-768 {expected:.3f}; other real images ")
    assert lines[1].startswith("copies: FID-768 0.000")
