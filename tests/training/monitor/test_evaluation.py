"""Signs of collapse, and the score in training."""

import copy

import numpy as np
import pytest
import torch

from pipeline.common import randomness
from pipeline.common.errors import InputError
from pipeline.models import build_generator, initialise
from pipeline.models.sampling import sample
from pipeline.submission.images_zip import to_side
from pipeline.training.engine.ema import measure_statistics
from pipeline.training.monitor import evaluation as watch
from pipeline.training.monitor import history
from tests.training.tiny import crops

LATE = 10**6


def rows(gap: float, count: int = 30) -> list[dict]:
    return [history.row(images_seen=n, d_real=gap, d_fake=0.0) for n in range(count)]


def test_healthy_samples_are_no_collapse() -> None:
    assert watch.collapse(crops(64, seed=1), crops(64), rows(0.6), LATE) is None


def test_samples_all_alike_are_a_collapse() -> None:
    one = crops(1).repeat(64, 0)
    noise = np.random.default_rng(0).integers(0, 5, one.shape)
    nearly_one = np.clip(one.astype(int) + noise, 0, 255).astype(np.uint8)
    assert "mode collapse" in watch.collapse(nearly_one, crops(64), rows(0.6), LATE)
    assert watch.collapse(nearly_one, crops(64), rows(0.6), 1000) is None  # still grey: no wonder


def test_a_discriminator_that_has_won_for_long_is_a_collapse() -> None:
    samples = crops(64, seed=1)
    assert "G learns nothing" in watch.collapse(samples, crops(64), rows(0.99), LATE)
    assert watch.collapse(samples, crops(64), rows(0.99, count=5), LATE) is None
    once = [*rows(0.99), *rows(0.5, count=1)]
    assert watch.collapse(samples, crops(64), once, LATE) is None


def test_the_score_orders_pictures() -> None:
    """The crops themselves: distance 0, so MiFID punishes; other pictures of their kind: near;
    noise: far."""
    real = crops(60, side_px=64)
    judge = watch.Judge(real, seed=1, device="cpu")
    copies, kin = judge.score(real), judge.score(crops(60, side_px=64, seed=1))
    noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), np.uint8)
    far = judge.score(noise)
    assert copies["fid"] == pytest.approx(0, abs=1e-3)
    assert copies["memorization_distance"] == pytest.approx(0, abs=1e-5)
    assert copies["fid"] < kin["fid"] < far["fid"]
    assert judge.score(real) == copies


def test_another_side_is_scored_at_the_submission_s() -> None:
    real = crops(60, side_px=32)
    judge = watch.Judge(real, seed=1, device="cpu")
    enlarged = watch.Judge(to_side(real), seed=1, device="cpu")
    samples = crops(60, side_px=32, seed=1)
    assert judge.score(samples) == enlarged.score(to_side(samples))


CPU = torch.device("cpu")
NORM_LATENTS = randomness.normals(1, "norm", 0, 64, 8)


def generator(seed: int) -> torch.nn.Module:
    network = build_generator(name="dcgan", side_px=16, latent_dim=8, channels=4)
    initialise(network, seed)
    return network


def by_hand(network: torch.nn.Module, real: np.ndarray) -> dict[str, float]:
    network = measure_statistics(copy.deepcopy(network), NORM_LATENTS, watch.NORM_BATCH)
    latents = randomness.normals(1, "score", 0, watch.SCORED, 8)
    return watch.Judge(real, seed=1, device="cpu").score(sample(network, latents, CPU))


def test_a_score_is_of_the_weights_at_its_moment_and_the_best_is_kept() -> None:
    real = crops(40)
    scores = watch.Scores(real, seed=1, norm_latents=NORM_LATENTS, device=CPU)
    networks = [generator(seed) for seed in (1, 2)]
    expected = [by_hand(network, real) for network in networks]
    rows: list[dict] = [{}, {}]
    for network, row, seen in zip(networks, rows, (16, 32), strict=True):
        state = copy.deepcopy(network.state_dict())
        scores.begin(network, row, seen)
        for weight in network.parameters():  # training goes on
            torch.nn.init.zeros_(weight)
        network.load_state_dict(state)
    scores.settle()
    assert rows == expected
    better = int(expected[1]["mifid"] < expected[0]["mifid"])
    assert scores.best["mifid"] == expected[better]["mifid"]
    assert scores.best["images_seen"] == (16, 32)[better]
    for name, weight in networks[better].named_parameters():
        assert torch.equal(scores.best["average"][name], weight)


def test_what_goes_wrong_with_a_score_is_told() -> None:
    scores = watch.Scores(crops(1), seed=1, norm_latents=NORM_LATENTS, device=CPU)
    scores.begin(generator(1), {}, 16)
    with pytest.raises(InputError, match="at least 2 pictures"):
        scores.settle()
