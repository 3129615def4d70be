"""KID against torch-fidelity's and the definition, and what it is there for: few images."""

import numpy as np
import pytest
from torch_fidelity.metric_kid import kernel_mmd

from pipeline.common.errors import InputError
from pipeline.scoring import kid as module
from pipeline.scoring import mifid
from pipeline.scoring.kid import kid


def features(count: int, *, seed: int, shift: float = 0.0, dimensions: int = 24) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(0.3 + shift, 1.0, (count, dimensions)), 0).astype(np.float32)


def by_definition(generated: np.ndarray, real: np.ndarray) -> float:
    """One kernel value a pair."""

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x.astype(np.float64) @ y.astype(np.float64)) / len(x) + 1) ** 3

    def within(rows: np.ndarray) -> float:
        pairs = [k(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return float(np.mean(pairs))

    between = float(np.mean([k(x, y) for x in generated for y in real]))
    return within(generated) + within(real) - 2 * between


def test_it_is_the_definition_also_where_the_sides_differ_in_size() -> None:
    generated, real = features(23, seed=1, shift=0.2), features(31, seed=2)
    found = kid(generated_features=generated, real_features=real)
    assert found == pytest.approx(by_definition(generated, real), rel=1e-9)


def test_it_is_torch_fidelitys(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one subset of all images; ours in several blocks."""
    monkeypatch.setattr(module, "_BLOCK_ROWS", 17)
    generated, real = features(100, seed=1, shift=0.2), features(100, seed=2)
    theirs = kernel_mmd(
        generated.astype(np.float64),
        real.astype(np.float64),
        kid_kernel="poly",
        kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1,
    )
    assert kid(generated_features=generated, real_features=real) == pytest.approx(theirs, rel=1e-9)


def test_its_mean_does_not_depend_on_the_number_of_images_as_fids_does() -> None:
    """Of two halves of one distribution: KID is 0 on average with 12 images as with 200."""
    few, fids = [], []
    for seed in range(200):
        one, other = features(12, seed=2 * seed), features(12, seed=2 * seed + 1)
        few.append(kid(generated_features=one, real_features=other))
        fids.append(mifid.fid(generated=mifid.statistics(one), real=mifid.statistics(other)))
    error = np.std(few) / np.sqrt(len(few))
    assert abs(np.mean(few)) < 3 * error
    assert min(few) < 0 < max(few)
    many = mifid.fid(
        generated=mifid.statistics(features(2000, seed=1)),
        real=mifid.statistics(features(2000, seed=2)),
    )
    assert np.mean(fids) > 20 * many  # the bias that KID does not have


def test_a_shift_is_seen() -> None:
    real = features(300, seed=1)
    found = [
        kid(generated_features=features(300, seed=2, shift=shift), real_features=real)
        for shift in (0.0, 0.2, 0.4)
    ]
    assert found == sorted(found) and found[0] < found[1] / 10


def test_of_many_images_always_the_same_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IMAGES", 50)
    generated, real = features(80, seed=1), features(40, seed=2)
    found = kid(generated_features=generated, real_features=real)
    assert found == kid(generated_features=generated, real_features=real)
    rows = module._chosen(generated)
    assert len(rows) == 50 and len({tuple(row) for row in rows}) == 50
    assert found == pytest.approx(by_definition(rows.astype(np.float32), real), rel=1e-9)


def test_one_image_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 images, there is 1"):
        kid(generated_features=features(1, seed=1), real_features=features(9, seed=2))
