"""The nearest real row, exact to the last bit, whatever the blocks and however alike the rows."""

import numpy as np
import pytest

from pipeline.scoring import nearest as module
from pipeline.scoring.nearest import nearest


def by_definition(generated: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair in float64."""
    generated = generated / np.linalg.norm(generated, axis=1, keepdims=True)
    real = real / np.linalg.norm(real, axis=1, keepdims=True)
    cosines = np.abs(generated @ real.T)
    return cosines.argmax(axis=1), 1 - cosines.max(axis=1)


@pytest.mark.parametrize("dimensions", [3, 200])
def test_equals_the_definition(dimensions: int) -> None:
    random = np.random.default_rng(0)
    generated, real = (random.normal(size=(n, dimensions)) for n in (1100, 700))
    found = nearest(generated_features=generated, real_features=real)
    neighbours, distances = by_definition(generated, real)
    assert np.array_equal(found.neighbours, neighbours)
    assert np.array_equal(found.rows, np.arange(1100))
    # float64's own rounding of a sum of `dimensions` products.
    np.testing.assert_allclose(found.distances, distances, rtol=0, atol=dimensions * 2e-16)


def test_float32_alone_would_pick_wrongly() -> None:
    """Real rows that differ by 1e-5, and their cosines by 1e-10: a float32 product cannot tell
    them apart, the recheck in float64 does."""
    random = np.random.default_rng(1)
    base = random.uniform(1, 2, size=64)
    real = base + 1e-5 * random.normal(size=(100, 64))
    generated = real[[41, 7, 99]] * 3
    found = nearest(generated_features=generated, real_features=real)
    assert found.neighbours.tolist() == [41, 7, 99]
    unit = (real / np.linalg.norm(real, axis=1, keepdims=True)).astype(np.float32)
    naive = (unit[[41, 7, 99]] @ unit.T).argmax(axis=1)
    assert naive.tolist() != [41, 7, 99]


def test_many_real_rows_alike() -> None:
    """More candidates than are rechecked one by one: the same answer by the other way."""
    random = np.random.default_rng(2)
    base = random.uniform(1, 2, size=32)
    real = base + 1e-5 * random.normal(size=(4 * module._MANY, 32))
    generated = np.concatenate([real[300:303], random.uniform(size=(5, 32))])
    found = nearest(generated_features=generated, real_features=real)
    neighbours, distances = by_definition(generated, real)
    assert found.neighbours.tolist() == neighbours.tolist()
    np.testing.assert_allclose(found.distances, distances, rtol=0, atol=1e-14)


def test_of_equals_the_first_is_named() -> None:
    real = np.repeat(np.eye(4), 2, axis=0)
    found = nearest(generated_features=np.eye(4), real_features=real)
    assert found.neighbours.tolist() == [0, 2, 4, 6]
    assert (found.distances == 0).all()


def test_zero_rows_keep_the_others_in_place() -> None:
    real = np.eye(4)
    real[0] = 0
    generated = np.eye(4)[[3, 0, 1, 2]]
    generated[1] = 0
    found = nearest(generated_features=generated, real_features=real)
    assert found.rows.tolist() == [0, 2, 3]
    assert found.neighbours.tolist() == [3, 1, 2]


def test_float32_features_lose_nothing() -> None:
    """Features come as float32; their float64 copies are what counts."""
    random = np.random.default_rng(3)
    generated, real = (random.uniform(size=(n, 40)).astype(np.float32) for n in (50, 60))
    ours = nearest(generated_features=generated, real_features=real)
    exact = nearest(
        generated_features=generated.astype(np.float64), real_features=real.astype(np.float64)
    )
    assert np.array_equal(ours.distances, exact.distances)


@pytest.mark.parametrize("spread", [1.0, 0.05])
def test_the_precision_of_the_product_changes_nothing(spread: float) -> None:
    """bfloat16 leaves more candidates, up to all rows where all are alike; never another answer,
    to the last bit, since which precision runs is a matter of speed."""
    import torch

    random = np.random.default_rng(4)
    real = np.abs(1 + spread * random.normal(size=(900, 30)))
    generated = np.abs(1 + spread * random.normal(size=(200, 30)))
    sides = module._Side(generated, "generated"), module._Side(real, "real")
    block = np.arange(200)
    ours, theirs = (
        torch.from_numpy(side.units(np.arange(len(side.rows)), np.float32)) for side in sides
    )
    neighbours, distances = by_definition(generated, real)
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        found = module._Product(theirs, dtype).candidates(ours)
        assert (len(found.many) > 0) == (spread < 1 and dtype == torch.bfloat16)
        columns, cosines = module._settle(*sides, block, found)
        assert np.array_equal(columns, neighbours)
        np.testing.assert_allclose(1 - cosines, distances, rtol=0, atol=1e-14)
        results.append(cosines)
    assert np.array_equal(*results)


def test_real_rows_all_equal() -> None:
    real = np.ones((3 * module._MANY, 5))
    found = nearest(generated_features=np.arange(1.0, 11).reshape(2, 5), real_features=real)
    assert found.neighbours.tolist() == [0, 0]


def test_enough_rows_for_the_trial() -> None:
    """Above four blocks both precisions run on the first: the whole is still the definition's."""
    random = np.random.default_rng(5)
    generated = random.normal(size=(4 * module._BLOCK_ROWS + 100, 20))
    real = random.normal(size=(300, 20))
    found = nearest(generated_features=generated, real_features=real)
    neighbours, distances = by_definition(generated, real)
    assert np.array_equal(found.neighbours, neighbours)
    np.testing.assert_allclose(found.distances, distances, rtol=0, atol=1e-14)
