"""The parts of the distillation that its numbers depend on, and the whole at its smallest."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.data.sources import drawn
from pipeline.scoring.extractors import embedded
from pipeline.scoring.extractors.embedded import Network
from research.distillation import damage as distill_damage
from research.distillation import data as distill_data
from research.distillation import distill
from research.distillation import gans as distill_gans
from research.distillation import judge as distill_judge
from research.distillation import lessons as distill_lessons
from research.distillation import student as distill_student
from research.distillation.teacher import _LAYERS, Teacher, _resize, taught


def test_a_fingerprint_tells_contents_shapes_and_texts_apart() -> None:
    zeros = np.zeros((2, 3), np.uint8)
    things = [
        (zeros,), (zeros.T,), (zeros.astype(np.int8),), (zeros + 1,), (zeros, ""), (), ("a", "b"),
        ("ab",), ("a", "b", zeros), (zeros, "a", "b"),
    ]  # fmt: skip
    found = [distill_data.fingerprint(*each) for each in things]
    assert len(set(found)) == len(things)
    assert distill_data.fingerprint(np.zeros((2, 3), np.uint8)) == found[0]
    assert distill_data.fingerprint(np.zeros((3, 2), np.uint8).T) == found[0]  # however it lies


def test_the_slope_penalty_is_zero_for_slope_one() -> None:
    real, fake = torch.rand(4, 3, 8, 8), torch.rand(4, 3, 8, 8)

    class Slope(nn.Module):
        def __init__(self, steepness: float) -> None:
            super().__init__()
            direction = torch.randn(3 * 8 * 8)
            self.direction = nn.Parameter(steepness * direction / direction.norm())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) @ self.direction

    for steepness in (0.0, 1.0, 3.0):
        penalty = distill_gans._excess_slope(Slope(steepness), real, fake)
        # float32 roots of sums of 192 squares
        assert penalty.item() == pytest.approx((steepness - 1) ** 2, abs=1e-5)


def test_judged_breeds_and_kinds_are_neither_trained_on_nor_chosen_by() -> None:
    breeds = np.arange(120).repeat(2)
    pictures = distill_data.Pictures(np.zeros((240, 64, 64, 3), np.uint8), breeds)
    parts = {part: set(pictures.of(part).breeds) for part in ("training", "validation", "judging")}
    assert [len(part) for part in parts.values()] == [96, 8, 16]
    assert len(set.union(*parts.values())) == 120
    assert (
        set(pictures.of("validation", "judging").breeds) == parts["validation"] | parts["judging"]
    )
    trained, held_out = (
        {(run.loss, run.upsampling, run.norm) for run in runs.values()}
        for runs in (distill_gans.TRAINING_RUNS, distill_gans.HELD_OUT_RUNS)
    )
    assert not trained & held_out
    trained_kinds = {
        *distill_damage.CORRUPTIONS,
        *distill_damage.DEFORMATIONS,
        *distill_damage.MELTED,
    }
    assert not trained_kinds & set(distill_damage.UNSEEN_CORRUPTIONS)


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


def test_folding_changes_nothing_but_the_rounding() -> None:
    torch.manual_seed(0)
    student = distill_student.Student(768, 8)
    for layer in student.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
    student.eval()
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        wanted = student.network.means(x)
        found = distill_student.folded(student.network).means(x)
    # weights in half precision: 2^-11 each, growing over eight layers
    assert torch.allclose(found, wanted, rtol=1e-2, atol=1e-3)
    assert not torch.allclose(found, wanted + 0.01, rtol=1e-2, atol=1e-3)


def test_a_network_that_is_gone_on_from_computes_the_same_at_first(smooth: np.ndarray) -> None:
    torch.manual_seed(0)
    network = Network().eval()
    student = distill_student.Student(768, 8)
    x = torch.from_numpy(smooth).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        wanted = network.means(x)
        assert not torch.allclose(student.eval().network.means(x), wanted, rtol=0.1)
        distill_student.unfolded(student, network, smooth)
        assert student.training
        found = student.eval().network.means(x)
    assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-5)  # float32, over eight layers


def test_readout_is_the_ridge_regression(smooth: np.ndarray) -> None:
    """At the solution, the gradient of the weighted squares plus the penalty is zero."""
    torch.manual_seed(0)
    network = Network().eval()
    targets = np.random.default_rng(1).normal(size=(12, 768)).astype(np.float32)
    groups = [slice(8, 10), slice(9, 12)]
    distill_student.fit_readout(network, smooth, targets, 8, groups, ridge=3.0, group_weight=5.0)
    x = torch.from_numpy(smooth).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        means, found = network.means(x).double(), network(x).double()
    spread = means[:8].std(0) + 1e-3
    inputs = (means - means[:8].mean(0)) / spread
    wanted = torch.from_numpy(targets).double()
    far = (wanted - wanted[:8].mean(0)).square().sum(1)
    weight = 1 / (1 + far / far[:8].mean())
    slope = network.readout.weight.double().T * spread[:, None]
    gradient = inputs.T @ (weight[:, None] * (found - wanted)) + 3.0 * slope
    for rows in groups:  # a group of n counts as its weight times n pictures that are its mean
        middle = (wanted[rows].mean(0) - wanted[:8].mean(0)).square().sum()
        counts = 5.0 * len(wanted[rows]) / (1 + middle / far[:8].mean())
        missed = (found - wanted)[rows].mean(0)
        gradient += counts * torch.outer(inputs[rows].mean(0), missed)
    assert gradient.abs().max() < 1e-3 * (inputs.T @ wanted).abs().max()  # float32 weights


def test_loss_is_zero_for_the_right_answer_and_counts_what_is_missing() -> None:
    torch.manual_seed(0)
    wanted, weights = torch.randn(16, 768), torch.rand(768) + 0.5
    # float32: 1 - cos of equal vectors
    assert distill_student._loss(wanted, wanted, weights).item() == pytest.approx(0, abs=1e-6)
    assert distill_student._loss(0.5 * wanted, wanted, weights) > 0.1
    assert distill_student._loss(torch.roll(wanted, 1, 0), wanted, weights) > 1


def test_far_pictures_do_not_drown_the_others_in_the_loss() -> None:
    """An outlier ten times as far, missed by as large a share, counts at most twice as much."""
    torch.manual_seed(0)
    wanted = torch.randn(1, 768)
    weights = torch.ones(768)
    near = distill_student._loss(0.5 * wanted, wanted, weights)
    far = distill_student._loss(5 * wanted, 10 * wanted, weights)
    assert near < far <= 2.01 * near


@pytest.mark.parametrize(
    "loss", ["bce", "smooth", "hinge", "squares", "pairs", "wasserstein", "elbo"]
)
def test_a_generator_is_sampled_on_the_way(smooth: np.ndarray, loss: str) -> None:
    run = distill_gans.Run(1, 2, 1e-3, loss, "transposed", "crops", images=16, batch=2)
    progress, samples = zip(*distill_gans.sampled_on_the_way(run, smooth, 3), strict=True)
    assert progress[-1] == 1.0
    assert list(progress) == sorted(progress)
    assert all(each.shape == (3, 64, 64, 3) and each.dtype == np.uint8 for each in samples)
    assert not np.array_equal(samples[0], samples[-1])


@pytest.mark.parametrize("run", distill_gans.TRAINING_RUNS | distill_gans.HELD_OUT_RUNS)
def test_each_kind_of_gan_fits_together(run: str) -> None:
    made = (distill_gans.TRAINING_RUNS | distill_gans.HELD_OUT_RUNS)[run]
    pictures = distill_gans.generator(made)(torch.randn(2, made.latent))
    assert pictures.shape == (2, 3, 64, 64)
    shape = (2, 2 * made.latent) if made.loss == "elbo" else (2,)
    assert distill_gans.discriminator(made)(pictures).shape == shape


def test_there_are_enough_sets_and_each_has_its_pictures() -> None:
    rng = np.random.default_rng(0)

    def pictures(count: int) -> distill_data.Pictures:
        images = rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8).repeat(count, 0)
        return distill_data.Pictures(images, np.arange(count) % 24 * 5 + 4)

    photos = pictures(3400)
    samples = {
        f"{run} {per_cent}": np.zeros((200, 64, 64, 3), np.uint8)
        for run in distill_gans.HELD_OUT_RUNS
        for per_cent in (1, 50, 100)
    }
    amounts = distill_judge.Amounts()
    made = distill_judge.judging_pictures(photos, *[pictures(300)] * 3, samples, amounts)
    breeds = photos.breeds[distill_judge.reference_order(photos)][amounts.reference :]
    sets = distill_judge.image_sets(made, breeds, tuple(samples), amounts)
    assert len(sets) >= 60
    assert len({each.name for each in sets}) == len(sets)
    for each in sets:
        assert all(rows.max(initial=0) < len(made[name]) for name, rows in each.rows.items())
        count = sum(len(rows) for rows in each.rows.values())
        assert count in (amounts.images, amounts.copy_images)


def test_the_table_has_every_large_family_and_the_ranks() -> None:
    verdicts = [
        distill_judge.Verdict(str(i), "many" if i < 6 else "two", i, i**2, -i, float(i))
        for i in range(8)
    ]
    lines = distill_judge.table(verdicts).splitlines()
    assert lines[2:] == ["| all | 8 | 1.000 | -1.000 |", "| many | 6 | 1.000 | -1.000 |"]


# --- the whole, at its smallest -------------------------------------------------------------------
@pytest.fixture(scope="module")
def random_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz like the partial Inception's, of random weights."""
    from torchvision.models import inception_v3

    net = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, module in net.named_modules():
        if type(module).__name__ == "BasicConv2d" and name.split(".")[0] in _LAYERS:
            shape = module.conv.weight.shape
            scale = (2 / np.prod(shape[1:])) ** 0.5
            arrays[f"{name}.weight"] = (scale * rng.normal(size=shape)).astype(np.float16)
            arrays[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    path = tmp_path_factory.mktemp("inception") / "random.npz"
    np.savez(path, **arrays)
    return path


def test_features_are_kept_for_their_own_pictures_and_teacher(
    tmp_path: Path, random_inception: Path, smooth: np.ndarray
) -> None:
    teacher = Teacher(random_inception)
    features = taught(teacher, "some", smooth[:3], tmp_path)
    assert features.shape == (3, 768 + 1280)
    assert np.isfinite(features).all()
    assert np.array_equal(taught(teacher, "some", smooth[:3], tmp_path), features)
    kept = set(tmp_path.iterdir())
    assert len(kept) == 1
    others = taught(teacher, "some", smooth[3:6], tmp_path)
    assert not np.array_equal(others, features)  # not what was kept under the same name
    teacher.identity = "another"
    taught(teacher, "some", smooth[:3], tmp_path)
    assert len(set(tmp_path.iterdir())) == 3
    assert np.array_equal(np.load(kept.pop()), features)


@pytest.mark.slow
def test_the_command_makes_calibrates_and_judges_and_goes_on_from_what_it_kept(
    tmp_path: Path, random_inception: Path
) -> None:
    dogs = tmp_path / "dogs"
    drawn.write(dogs, pictures=240, seed=5, processes=1)
    run = distill_gans.Run(1, 2, 1e-3, "bce", "transposed", "crops", images=200, batch=2)
    into = tmp_path / "made" / "embedded.safetensors"
    into.parent.mkdir()

    first = distill_lessons.Amounts(
        photos=24, crops=8, corrupted_of_each=2, corrupted=24, deformed=4, melted_of_each=0,
        imagined=0, drawn=160, drawn_photos=8, drawn_crops=8, samples=2, spoilt_samples=4,
        runs={"seen": run},
    )  # fmt: skip
    more = dataclasses.replace(first, photos=32, melted_of_each=1, imagined=4, imagined_from=30)

    def make(last: distill_student.Recipe) -> None:
        distill.make(
            dogs,
            random_inception,
            tmp_path / "work",
            into=into,
            stages=(
                distill.Stage(first, distill_student.Recipe(epochs=1, batch=16)),
                distill.Stage(more, last),
            ),
            judgement=distill_judge.Amounts(
                images=4, samples=4, copy_images=20, reference=12, runs={"unseen": run}
            ),
        )

    recipe = distill_student.Recipe(epochs=1, batch=16, lr=1e-3)
    make(recipe)
    weights, table = into.read_bytes(), into.with_name("embedded_judgement.csv").read_bytes()
    assert embedded.load(weights=into).memorization_threshold >= 0
    assert into.with_name("embedded_judgement.png").is_file()
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert {"generator", "copies", "near-copies", "dropped breeds"} <= {
        row["family"] for row in rows
    }
    assert all(np.isfinite(float(row["fid"])) for row in rows)

    into.unlink()
    networks = set((tmp_path / "work").glob("network.*"))
    assert len(networks) == 2
    kept = [*networks, *(tmp_path / "work").rglob("*.npy")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    make(recipe)
    assert into.read_bytes() == weights
    assert into.with_name("embedded_judgement.csv").read_bytes() == table
    assert {path: path.stat().st_mtime_ns for path in before} == before

    # Another recipe for the last stage trains that one anew, and nothing else.
    make(dataclasses.replace(recipe, lr=2e-3))
    assert into.read_bytes() != weights
    assert len(set((tmp_path / "work").glob("network.*")) - networks) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
