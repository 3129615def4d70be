"""The teacher: its resize, and the features that are kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from research.distillation.teacher import Teacher, _resize, teacher_features


def test_resize_is_tensorflow_1s() -> None:
    """From the definition: output pixel i reads the input at i * 64 / 299, without half a pixel."""
    x = torch.rand(1, 1, 64, 64, dtype=torch.float64)
    found = _resize(x)[0, 0]

    def at(row: float, column: float) -> float:
        top, left = int(row), int(column)
        bottom, right = min(top + 1, 63), min(left + 1, 63)
        down, across = row - top, column - left
        upper = x[0, 0, top, left] * (1 - across) + x[0, 0, top, right] * across
        lower = x[0, 0, bottom, left] * (1 - across) + x[0, 0, bottom, right] * across
        return float(upper * (1 - down) + lower * down)

    for i, j in ((0, 0), (1, 5), (150, 33), (298, 298), (297, 2)):
        # places are float32: 64 * 2^-24 of a pixel
        assert float(found[i, j]) == pytest.approx(at(i * 64 / 299, j * 64 / 299), abs=1e-5)
    half_pixel = F.interpolate(x, size=299, mode="bilinear", align_corners=False)[0, 0]
    assert float((half_pixel - found).abs().max()) > 0.01  # the known-wrong one is told apart


def test_features_are_kept_for_their_own_images_and_teacher(
    tmp_path: Path, random_inception: Path, smooth: np.ndarray
) -> None:
    teacher = Teacher(random_inception)
    features = teacher_features(teacher, "some", smooth[:3], tmp_path)
    assert features.shape == (3, 768 + 1280)
    assert np.isfinite(features).all()
    assert np.array_equal(teacher_features(teacher, "some", smooth[:3], tmp_path), features)
    kept = set(tmp_path.iterdir())
    assert len(kept) == 1
    others = teacher_features(teacher, "some", smooth[3:6], tmp_path)
    assert not np.array_equal(others, features)  # not what was kept under the same name
    teacher.identity = "another"
    teacher_features(teacher, "some", smooth[:3], tmp_path)
    assert len(set(tmp_path.iterdir())) == 3
    assert np.array_equal(np.load(kept.pop()), features)
