"""The parts of the distillation that its numbers depend on, and the whole at its smallest."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.errors import InputError
from pipeline.scoring import (
    distill,
    distill_data,
    distill_gans,
    distill_judge,
    distill_lessons,
    distill_student,
    embedded,
)
from pipeline.scoring.distill_teacher import _LAYERS, Teacher, _resize, taught
from pipeline.scoring.embedded import Network
from pipeline.sources import drawn


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """Pictures with structure: (12, 64, 64, 3) uint8."""
    small = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (12, 3, 8, 8)))
    large = F.interpolate(small, size=64, mode="bicubic", antialias=False).clamp(0, 255)
    return large.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()


ALL_KINDS = [
    *distill_data.CORRUPTIONS,
    *distill_data.DEFORMATIONS,
    *distill_data.UNSEEN_CORRUPTIONS,
]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_corruptions_keep_the_form_and_repeat(smooth: np.ndarray, kind: str) -> None:
    def corrupted(strength: float | None) -> np.ndarray:
        return distill_data.corrupt(smooth, kind, strength, np.random.default_rng(3))

    for strength in (0.0, 0.5, 1.0, None):
        images = corrupted(strength)
        assert images.shape == smooth.shape
        assert images.dtype == np.uint8
        assert np.array_equal(images, corrupted(strength))
    assert not np.array_equal(corrupted(0.7), smooth)


@pytest.mark.parametrize(
    "kind", ["blur", "noise", "jpeg", "checkerboard", "posterise", "warp", "jumble"]
)
def test_more_strength_changes_more(smooth: np.ndarray, kind: str) -> None:
    changes = []
    for strength in (0.0, 0.5, 1.0):
        images = distill_data.corrupt(smooth, kind, strength, np.random.default_rng(3))
        changes.append(np.abs(images.astype(float) - smooth).mean())
    assert changes == sorted(changes)


def test_jumbled_tiles_are_all_still_there(smooth: np.ndarray) -> None:
    jumbled = distill_data.jumble(smooth[0], 1.0, np.random.default_rng(1))
    assert not np.array_equal(jumbled, smooth[0])
    for channel in range(3):
        assert np.array_equal(
            np.sort(jumbled[..., channel], None), np.sort(smooth[0, ..., channel], None)
        )


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
    trained_kinds = set(distill_data.CORRUPTIONS | distill_data.DEFORMATIONS)
    assert not trained_kinds & set(distill_data.UNSEEN_CORRUPTIONS)


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


def test_readout_is_the_ridge_regression(smooth: np.ndarray) -> None:
    """At the solution, the gradient of the weighted squares plus the penalty is zero."""
    torch.manual_seed(0)
    network = Network().eval()
    targets = np.random.default_rng(1).normal(size=(12, 768)).astype(np.float32)
    distill_student.fit_readout(network, smooth, targets, photos=8, ridge=3.0)
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


@pytest.mark.parametrize("loss", ["bce", "smooth", "hinge", "squares", "pairs", "elbo"])
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
    pictures = distill_gans.generator(made)(torch.randn(2, distill_gans.LATENT))
    assert pictures.shape == (2, 3, 64, 64)
    shape = (2, 2 * distill_gans.LATENT) if made.loss == "elbo" else (2,)
    assert distill_gans.discriminator(made)(pictures).shape == shape


def test_there_are_enough_sets_and_each_has_its_pictures() -> None:
    rng = np.random.default_rng(0)

    def pictures(count: int) -> distill_data.Pictures:
        images = rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8).repeat(count, 0)
        return distill_data.Pictures(images, np.arange(count) % 24 * 5 + 4)

    photos = pictures(3400)
    samples = {
        f"{run} {per_cent}": np.zeros((300, 64, 64, 3), np.uint8)
        for run in distill_gans.HELD_OUT_RUNS
        for per_cent in (1, 50, 100)
    }
    amounts = distill_judge.Amounts(samples=300)
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


def test_kept_features_of_other_pictures_are_refused(
    tmp_path: Path, random_inception: Path, smooth: np.ndarray
) -> None:
    teacher = Teacher(random_inception)
    features = taught(teacher, "some", smooth[:3], tmp_path)
    assert features.shape == (3, 768 + 1280)
    assert np.isfinite(features).all()
    assert np.array_equal(taught(teacher, "some", smooth[:3], tmp_path), features)
    with pytest.raises(InputError, match="remove"):
        taught(teacher, "some", smooth[:2], tmp_path)


@pytest.mark.slow
def test_the_command_makes_calibrates_and_judges_and_goes_on_from_what_it_kept(
    tmp_path: Path, random_inception: Path
) -> None:
    dogs = tmp_path / "dogs"
    drawn.write(dogs, pictures=240, seed=5, processes=1)
    run = distill_gans.Run(1, 2, 1e-3, "bce", "transposed", "crops", images=200, batch=2)
    into = tmp_path / "made" / "embedded.safetensors"
    into.parent.mkdir()

    def make() -> None:
        distill.make(
            dogs,
            random_inception,
            tmp_path / "work",
            into=into,
            amounts=distill_lessons.Amounts(
                photos=24, crops=8, corrupted_of_each=2, corrupted=24, deformed=4, drawn=160,
                drawn_photos=8, drawn_crops=8, samples=2, spoilt_samples=4, runs={"seen": run},
            ),
            recipe=distill_student.Recipe(epochs=1, batch=16),
            judgement=distill_judge.Amounts(
                images=4, samples=4, copy_images=20, reference=12, runs={"unseen": run}
            ),
        )  # fmt: skip

    make()
    weights, table = into.read_bytes(), into.with_name("embedded_judgement.csv").read_bytes()
    assert embedded.load(weights=into).memorization_threshold >= 0
    assert into.with_name("embedded_judgement.png").is_file()
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert {"generator", "copies", "near-copies", "dropped breeds"} <= {
        row["family"] for row in rows
    }
    assert all(np.isfinite(float(row["fid"])) for row in rows)

    into.unlink()
    kept = [tmp_path / "work" / "network.safetensors", *(tmp_path / "work").rglob("*.npy")]
    before = {path: path.stat().st_mtime_ns for path in kept}
    make()
    assert into.read_bytes() == weights
    assert into.with_name("embedded_judgement.csv").read_bytes() == table
    assert {path: path.stat().st_mtime_ns for path in before} == before
