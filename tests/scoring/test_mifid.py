"""MiFID against oracles not ours, closed forms, and the swapped direction, which must fail."""

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from pipeline.common.errors import InputError
from pipeline.scoring import mifid
from pipeline.scoring.mifid import Statistics, statistics


def features(count: int, dimensions: int, *, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    """Like a network's: not negative, correlated, of very different spread."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(dimensions, dimensions))
    spread = np.exp(-np.arange(dimensions) / (dimensions / 4))
    values = random.normal(size=(count, dimensions)) * spread @ mixing / dimensions**0.5
    return np.maximum(values + 0.3 + shift, 0).astype(np.float32)


def fid_by_sqrtm(generated: np.ndarray, real: np.ndarray) -> float:
    """The definition with scipy's matrix root, as the competition's script has it."""
    generated, real = generated.astype(np.float64), real.astype(np.float64)
    means = generated.mean(0) - real.mean(0)
    sigma_g, sigma_r = np.cov(generated, rowvar=False), np.cov(real, rowvar=False)
    root = scipy.linalg.sqrtm(sigma_g @ sigma_r)
    if not np.isfinite(root).all():
        offset = np.eye(len(sigma_g)) * 1e-6
        root = scipy.linalg.sqrtm((sigma_g + offset) @ (sigma_r + offset))
    return means @ means + np.trace(sigma_g) + np.trace(sigma_r) - 2 * np.trace(root).real


def fid_by_singular_values(generated: np.ndarray, real: np.ndarray) -> float:
    """With Σ = AᵀA of centred features, Tr (Σg Σr)^½ is the sum of the singular values of Ag Arᵀ:
    exact for singular covariances too, where sqrtm is not."""
    generated, real = generated.astype(np.float64), real.astype(np.float64)
    means = generated.mean(0) - real.mean(0)
    root_g = (generated - generated.mean(0)) / np.sqrt(len(generated) - 1)
    root_r = (real - real.mean(0)) / np.sqrt(len(real) - 1)
    values = np.linalg.svd(root_g @ root_r.T, compute_uv=False)
    return means @ means + (root_g**2).sum() + (root_r**2).sum() - 2 * values.sum()


def distance_by_loop(generated: np.ndarray, real: np.ndarray) -> float:
    """d as the definition reads, pair by pair."""
    nearest = []
    for g in generated.astype(np.float64):
        if g.sum() == 0:
            continue
        found = []
        for r in real.astype(np.float64):
            if r.sum() == 0:
                continue
            found.append(1 - abs(g @ r) / (g @ g) ** 0.5 / (r @ r) ** 0.5)
        nearest.append(min(found))
    return sum(nearest) / len(nearest)


def our_fid(generated: np.ndarray, real: np.ndarray) -> float:
    return mifid.fid(generated=statistics(generated), real=statistics(real))


# --- FID ----------------------------------------------------------------------------------------


def test_fid_is_that_of_sqrtm() -> None:
    """1e-9: both take about D·1e-16 of relative error of the trace, 1e-13, and FID is a small
    difference of large traces."""
    generated, real = features(300, 48, seed=1, shift=0.1), features(400, 48, seed=2)
    assert our_fid(generated, real) == pytest.approx(fid_by_sqrtm(generated, real), rel=1e-9)


def test_fid_is_that_of_pytorch_fid() -> None:
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    generated, real = features(300, 48, seed=1, shift=0.1), features(400, 48, seed=2)
    one, two = statistics(generated), statistics(real)
    theirs = fid_score.calculate_frechet_distance(
        one.mean, one.covariance, two.mean, two.covariance
    )
    assert mifid.fid(generated=one, real=two) == pytest.approx(theirs, rel=1e-9)


def test_fid_is_that_of_torch_fidelity() -> None:
    torch = pytest.importorskip("torch")
    metric = pytest.importorskip("torch_fidelity.metric_fid")
    generated, real = features(300, 48, seed=1, shift=0.1), features(400, 48, seed=2)
    theirs = metric.fid_statistics_to_metric(
        *(
            metric.fid_features_to_statistics(torch.from_numpy(side.astype(np.float64)))
            for side in (generated, real)
        ),
        verbose=False,
    )["frechet_inception_distance"]
    assert our_fid(generated, real) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("generated_count", "real_count"), [(20, 400), (400, 20), (20, 30), (63, 64), (64, 65), (2, 2)]
)
def test_fid_of_fewer_images_than_dimensions(generated_count: int, real_count: int) -> None:
    """Singular covariances: 1e-6, since a null eigenvalue's rounding error of 1e-16 enters as its
    root, 1e-8, once for each dimension that is missing."""
    generated = features(generated_count, 64, seed=1, shift=0.1)
    real = features(real_count, 64, seed=2)
    expected = fid_by_singular_values(generated, real)
    assert our_fid(generated, real) == pytest.approx(expected, rel=1e-6)
    # As score has it: the real side's features are gone, mean and covariance are left.
    known = statistics(real)
    cached = mifid.fid(
        generated=statistics(generated), real=Statistics(known.mean, known.covariance)
    )
    assert cached == pytest.approx(expected, rel=1e-6)


def test_fid_with_features_that_are_always_zero() -> None:
    """Dead units make the covariance singular whatever the number of images."""
    generated, real = features(300, 48, seed=1, shift=0.1), features(400, 48, seed=2)
    generated[:, 7] = real[:, 7] = real[:, 9] = 0
    expected = fid_by_singular_values(generated, real)
    assert our_fid(generated, real) == pytest.approx(expected, rel=1e-6)


def test_fid_closed_form_of_diagonal_normals() -> None:
    """For diagonal Σ the distance is |μ1 - μ2|² + Σ (σ1 - σ2)²."""
    random = np.random.default_rng(3)
    means, spreads = random.normal(size=(2, 10)), random.uniform(0.1, 3, size=(2, 10))
    sides = [Statistics(means[i], np.diag(spreads[i] ** 2)) for i in (0, 1)]
    expected = ((means[0] - means[1]) ** 2).sum() + ((spreads[0] - spreads[1]) ** 2).sum()
    assert mifid.fid(generated=sides[0], real=sides[1]) == pytest.approx(expected, rel=1e-12)


def fid_by_the_formula(generated: np.ndarray, real: np.ndarray) -> float:
    """The formula alone, with the rounding errors that it leaves."""
    one, two = statistics(generated), statistics(real)
    traces = np.trace(one.covariance) + np.trace(two.covariance)
    means = ((one.mean - two.mean) ** 2).sum()
    return float(means + traces - 2 * mifid._trace_of_root(one, two))


@pytest.mark.parametrize("count", [20, 300, 5000])
def test_fid_of_a_set_with_itself_in_another_order_is_zero(count: int) -> None:
    """Exactly: what rounding leaves, of either sign, a division by epsilon makes hundreds of
    millions, and a copy would have the best score or the worst by chance."""
    real = features(count, 48)
    left_by_rounding = set()
    for seed in range(10):
        shuffled = np.random.default_rng(seed).permutation(real)
        assert our_fid(shuffled, real) == our_fid(real, shuffled) == 0
        distance = mifid.memorization_distance(generated_features=shuffled, real_features=real)
        for epsilon in (1e-15, 0.0):
            score = mifid.mifid(
                fid=0.0, memorization_distance=distance, threshold=0.1, epsilon=epsilon
            )
            assert score == 0
        left_by_rounding.add(fid_by_the_formula(shuffled, real))
    assert left_by_rounding != {0.0}, "or this test could not fail"


def test_fid_is_never_below_zero() -> None:
    """Sets that differ by 1e-9 of their spread: not equal, and nearer than a difference of
    traces in float64 can tell: the formula alone gives some of them a distance below 0."""
    below = 0
    for seed in range(10):
        real = features(20, 48, seed=seed).astype(np.float64)
        near = real + 1e-9 * np.random.default_rng(seed).normal(size=real.shape)
        below += fid_by_the_formula(near, real) < 0
        assert our_fid(near, real) >= 0
    assert below, "or this test could not fail"


def test_a_small_difference_is_not_rounding() -> None:
    """One feature of one image in 5,000, changed by 1 %: FID is small, and above 0."""
    real = features(5000, 48)
    near = real.copy()
    near[7, 3] *= 1.01
    assert our_fid(near, real) > 0


def test_fid_is_symmetric_and_grows_with_the_shift() -> None:
    real = features(300, 48)
    shifted = [features(300, 48, seed=1, shift=shift) for shift in (0.0, 0.1, 0.2, 0.4)]
    distances = [our_fid(side, real) for side in shifted]
    assert distances == sorted(distances)
    assert our_fid(real, shifted[2]) == pytest.approx(distances[2], rel=1e-9)


def test_covariance_divides_by_n_less_one() -> None:
    real = features(50, 8).astype(np.float64)
    found = statistics(real)
    np.testing.assert_allclose(found.covariance, np.cov(real, rowvar=False), rtol=1e-12)
    biased = np.cov(real, rowvar=False, bias=True)
    assert np.abs(found.covariance / biased - 1).min() > 0.01


# --- memorisation distance ----------------------------------------------------------------------


def test_distance_is_that_of_the_double_loop() -> None:
    generated, real = features(23, 16, seed=1), features(31, 16, seed=2)
    generated[4] = 0
    real[[0, 9]] = 0
    found = mifid.memorization_distance(generated_features=generated, real_features=real)
    assert found == pytest.approx(distance_by_loop(generated, real), rel=1e-12)


def test_the_mean_runs_over_the_generated_side() -> None:
    """Three orthogonal real rows, one generated row equal to the first: the generated row has a
    neighbour at 0; two real rows have none nearer than 1, so the swapped direction gives 2/3."""
    real = np.eye(3, dtype=np.float32)
    generated = real[:1]
    ours = mifid.memorization_distance(generated_features=generated, real_features=real)
    swapped = mifid.memorization_distance(generated_features=real, real_features=generated)
    assert ours == 0
    assert swapped == pytest.approx(2 / 3)


def test_near_copies_are_caught_in_this_direction_only() -> None:
    """300 near-copies of 2,000 images: d is near 0 and the penalty fires; the other direction,
    which public tools take, sees nothing amiss."""
    random = np.random.default_rng(5)
    real = random.normal(size=(2000, 64)).astype(np.float32)
    generated = real[:300] + 0.02 * random.normal(size=(300, 64)).astype(np.float32)
    ours = mifid.memorization_distance(generated_features=generated, real_features=real)
    swapped = mifid.memorization_distance(generated_features=real, real_features=generated)
    assert ours < 0.001
    assert swapped > 0.3
    score = mifid.mifid(fid=10.0, memorization_distance=ours, threshold=0.1)
    assert score > 10_000


def test_opposite_features_count_as_alike() -> None:
    """Kaggle takes the cosine's absolute value."""
    real = np.array([[1.0, 2.0, 3.5]])
    found = mifid.memorization_distance(generated_features=-real, real_features=real)
    assert found == pytest.approx(0, abs=1e-15)


def test_rows_that_sum_to_zero_are_dropped() -> None:
    """Even those that are not zero: the sum is what Kaggle looks at."""
    real = np.array([[1.0, -1.0], [3.0, 1.0]])
    generated = np.array([[1.0, -1.0], [1.0, 0.0], [0.0, 0.0]])
    found = mifid.memorization_distance(generated_features=generated, real_features=real)
    assert found == pytest.approx(1 - 3 / 10**0.5)


# --- the score ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "threshold", "expected"),
    [
        (0.3, 0.1, 50.0),
        (0.1, 0.1, 50.0),  # at the threshold: no penalty
        (0.0999999, 0.1, 50 / 0.0999999),
        (0.2, 0.25, 250.0),  # NASNet's threshold, the private score's
        (0.0, 0.1, 50 / 1e-15),
        (0.0, 0.0, 50.0),  # threshold 0 penalises nothing
    ],
)
def test_penalty(distance: float, threshold: float, expected: float) -> None:
    found = mifid.mifid(fid=50.0, memorization_distance=distance, threshold=threshold)
    assert found == pytest.approx(expected, rel=1e-12)


def test_copies_with_epsilon_0_are_one_line_that_names_it() -> None:
    """Some real images copied, others not: d is 0, FID is not, and their quotient is no number."""
    real = np.eye(4)
    distance = mifid.memorization_distance(generated_features=real[:2], real_features=real)
    distance_fid = our_fid(real[:2], real)
    assert distance == 0 and distance_fid > 0
    with pytest.raises(InputError, match=r"score\.epsilon = 0: .* above 0") as caught:
        mifid.mifid(fid=distance_fid, memorization_distance=distance, threshold=0.1, epsilon=0.0)
    assert "\n" not in str(caught.value)
    above = mifid.mifid(fid=distance_fid, memorization_distance=0.5, threshold=0.1, epsilon=0.0)
    assert above == distance_fid


def test_bad_features_are_one_line() -> None:
    good = features(10, 4)
    bad = good.copy()
    bad[3, 1] = np.nan
    with pytest.raises(InputError, match="image 3 are not finite"):
        statistics(bad)
    with pytest.raises(InputError, match="real features of image 3 are not finite"):
        mifid.memorization_distance(generated_features=good, real_features=bad)
    with pytest.raises(InputError, match="at least 2 images"):
        statistics(good[:1])
    with pytest.raises(InputError, match="all generated features are zero"):
        mifid.memorization_distance(generated_features=np.zeros((3, 4)), real_features=good)
    with pytest.raises(InputError, match="different networks"):
        mifid.memorization_distance(generated_features=good[:, :3], real_features=good)
    with pytest.raises(InputError, match="different networks"):
        mifid.fid(generated=statistics(good[:, :3]), real=statistics(good))


# --- the competition's own submissions ----------------------------------------------------------


@pytest.mark.realdata
def test_every_scored_submission_of_the_competition() -> None:
    """FID and d as Kaggle recorded them give the score it recorded, to 1e-9 relative: the table
    has 15 to 17 digits, so nothing but the formula can be off. Disqualified rows (private score
    999999) have lost theirs."""
    pandas = pytest.importorskip("pandas")
    if not os.environ.get("SUBMISSION_SCORES"):
        pytest.skip("set SUBMISSION_SCORES to competition_results.csv")
    rows = pandas.read_csv(Path(os.environ["SUBMISSION_SCORES"]))
    assert len(rows) == 1666

    def score(row: object, side: str, threshold: float) -> float:
        return mifid.mifid(
            fid=getattr(row, f"FID_{side}"),
            memorization_distance=getattr(row, f"distance_{side}"),
            threshold=threshold,
        )

    honest = 0
    for row in rows.itertuples():
        assert row.public_score == pytest.approx(score(row, "public", 0.1), rel=1e-9)
        if row.private_score != 999999:
            honest += 1
            assert row.private_score == pytest.approx(score(row, "private", 0.25), rel=1e-9)
    assert honest == 1171

    from pipeline.scoring.evaluate import WARNING_FACTOR

    warned = rows.distance_public < WARNING_FACTOR * 0.1
    disqualified = rows.labels.notna() & (rows.private_score == 999999)
    assert disqualified.sum() == 495
    assert (warned & disqualified).sum() == 446
    assert (warned & rows.labels.isna()).sum() == 0
