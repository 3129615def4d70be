"""Precision, recall, density and coverage against loops written from the papers' definitions."""

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.scoring.precision_recall import diversity


def by_definition(generated: np.ndarray, real: np.ndarray, k: int) -> tuple[float, ...]:
    def radius(points: np.ndarray, place: int) -> float:
        others = [np.linalg.norm(points[place] - p) for i, p in enumerate(points) if i != place]
        return sorted(others)[k - 1]

    real_radii = [radius(real, j) for j in range(len(real))]
    generated_radii = [radius(generated, i) for i in range(len(generated))]
    in_ball = np.array(
        [[np.linalg.norm(g - r) <= real_radii[j] for j, r in enumerate(real)] for g in generated]
    )
    reached = np.array(
        [
            [np.linalg.norm(g - r) <= generated_radii[i] for r in real]
            for i, g in enumerate(generated)
        ]
    )
    precision = np.mean([in_ball[i].any() for i in range(len(generated))])
    recall = np.mean([reached[:, j].any() for j in range(len(real))])
    density = sum(in_ball[i].sum() for i in range(len(generated))) / (k * len(generated))
    coverage = np.mean([in_ball[:, j].any() for j in range(len(real))])
    return precision, recall, density, coverage


def sides(shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(40, 5)) + shift, random.normal(size=(55, 5))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_the_definition(k: int) -> None:
    generated, real = sides()
    found = diversity(generated_features=generated, real_features=real, neighbours=k)
    ours = (found.precision, found.recall, found.density, found.coverage)
    assert ours == pytest.approx(by_definition(generated, real, k), abs=1e-12)
    assert 0 < found.precision < 1  # the case decides something
    assert 0 < found.recall < 1
    assert 0 < found.coverage < 1


def test_the_order_of_the_sides_matters() -> None:
    """Swapped, precision and recall change places."""
    generated, real = sides()
    ours = diversity(generated_features=generated, real_features=real, neighbours=3)
    swapped = diversity(generated_features=real, real_features=generated, neighbours=3)
    assert (ours.precision, ours.recall) == (swapped.recall, swapped.precision)
    assert ours.precision != ours.recall


def test_a_collapsed_generator_is_precise_and_covers_nothing() -> None:
    random = np.random.default_rng(1)
    real = random.normal(size=(200, 3))
    generated = real[:1] + 1e-3 * random.normal(size=(100, 3))
    found = diversity(generated_features=generated, real_features=real, neighbours=3)
    assert found.precision == 1
    assert found.recall < 0.05
    assert found.coverage < 0.1


def test_the_real_distribution_itself() -> None:
    """Naeem et al. 2020, section 3.2: density is 1 in expectation, coverage 1 - (M-1)...(M-k) /
    ((2M-1)...(2M-k)) for M images a side, 0.97 for k = 5. 0.1 is four standard deviations."""
    random = np.random.default_rng(2)
    generated, real = random.normal(size=(2, 1000, 8))
    found = diversity(generated_features=generated, real_features=real, neighbours=5)
    assert found.density == pytest.approx(1, abs=0.1)
    assert found.coverage == pytest.approx(1 - 0.5**5, abs=0.02)


def test_far_from_the_origin() -> None:
    """Real features have a large common mean; float32 distances must not drown in it."""
    generated, real = sides()
    offset = 1e5
    found = diversity(
        generated_features=generated + offset, real_features=real + offset, neighbours=3
    )
    near = diversity(generated_features=generated, real_features=real, neighbours=3)
    assert found == near


def test_an_outlier_is_not_precise() -> None:
    generated, real = sides(shift=0)
    generated[0] += 1000
    found = diversity(generated_features=generated, real_features=real, neighbours=3)
    assert found.precision <= 39 / 40


def test_too_few_images() -> None:
    generated, real = sides()
    with pytest.raises(InputError, match="5 generated"):
        diversity(generated_features=generated[:5], real_features=real, neighbours=5)
    with pytest.raises(InputError, match="5 real"):
        diversity(generated_features=generated, real_features=real[:5], neighbours=5)
