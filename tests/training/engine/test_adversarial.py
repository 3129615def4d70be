"""Steps of a GAN, against the tutorial's loop written out in float64."""

import copy
import threading
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.common import cores, randomness
from pipeline.images.shape import ImageShape
from pipeline.models import dcgan
from pipeline.models.family import NetworkSize
from pipeline.training.engine import precision
from pipeline.training.engine.adversarial import AdversarialObjective
from pipeline.training.engine.batches import Batch
from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.losses import r1_penalty
from tests.factories import tiny

CPU = torch.device("cpu")
COUNT = 8
SEED = 5
# As the tutorial has them: soft targets, none swapped.
SOFT = {
    "train__adversarial__real_labels": [0.7, 1.2],
    "train__adversarial__fake_labels": [0.0, 0.3],
    "train__adversarial__swap_labels": 0.0,
}


def networks() -> dict[str, nn.Module]:
    parameters = dcgan.Parameters(channels=4, minibatch_stddev=False, conditional=False)
    made = dcgan.build(parameters, NetworkSize(8, ImageShape(16, 3), 0))
    for seed, name in enumerate(("generator", "discriminator"), 1):
        dcgan.initialise(made[name], seed)
    return made


def objective(**changes: Any) -> AdversarialObjective:
    train = tiny(**SOFT | changes).train
    return AdversarialObjective(
        networks(), train=train, device=CPU, distributed=Distributed(), conditional=False
    )


def batch(count: int = COUNT) -> Batch:
    source = torch.Generator().manual_seed(3)
    images = torch.rand(count, 3, 16, 16, generator=source) * 2 - 1
    latents = torch.randn(count, 8, generator=source)
    return Batch(images, torch.zeros(count, dtype=torch.int64), latents, first=16, seed=SEED)


def targets(count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Return the targets that belong to `batch` and `SOFT`, float64: the levels are draws 1 and 3
    of each image."""
    draws = torch.from_numpy(randomness.uniforms(SEED, "chance", 16, count, 5))
    return 0.7 + 0.5 * draws[:, 1], 0.3 * draws[:, 3]


def tutorial(steps: int, r1: float = 0.0) -> tuple[nn.Module, nn.Module, list[float]]:
    """pytorch.org's DCGAN tutorial, with soft targets: the definition that the objective must meet.
    R1 in the first step, as strong as for 16."""
    generator, discriminator = (network.double() for network in networks().values())
    real, latents = batch().images.double(), batch().latents.double()
    real_targets, fake_targets = targets()

    def criterion(output: Tensor, target: Tensor) -> Tensor:
        """nn.BCELoss, which refuses targets above 1, by its definition."""
        return -(target * output.log() + (1 - target) * (1 - output).log()).mean()

    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=3e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for step in range(steps):
        discriminator.zero_grad()
        if r1 and step == 0:
            x = real.clone().requires_grad_()
            (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
            (r1 / 2 * 16 * (slope**2).sum() / len(x)).backward()
        output = discriminator(real).sigmoid()
        loss_real = criterion(output, real_targets)
        loss_real.backward()
        d_real = output.mean().item()
        fake = generator(latents)
        output = discriminator(fake.detach()).sigmoid()
        loss_fake = criterion(output, fake_targets)
        loss_fake.backward()
        d_fake = output.mean().item()
        norm_d = nn.utils.clip_grad_norm_(discriminator.parameters(), float("inf")).item()
        optimizer_d.step()
        generator.zero_grad()
        ones = torch.ones(COUNT, dtype=torch.float64)
        loss_g = criterion(discriminator(fake).sigmoid(), ones)
        loss_g.backward()
        norm_g = nn.utils.clip_grad_norm_(generator.parameters(), float("inf")).item()
        optimizer_g.step()
    metrics = [(loss_real + loss_fake).item(), loss_g.item(), d_real, d_fake, norm_d, norm_g]
    return generator, discriminator, metrics


RATES = {
    "train__adversarial__lr_g": 2e-4,
    "train__adversarial__lr_d": 3e-4,
    "train__beta1": 0.5,
}


@pytest.mark.parametrize(("steps", "r1"), [(1, 0.0), (4, 0.0), (1, 2.0), (4, 2.0)])
def test_steps_are_the_tutorials(steps: int, r1: float) -> None:
    ours = objective(**RATES, train__adversarial__r1=r1)
    for number in range(steps):
        metrics = ours.step(batch(), number)
    generator, discriminator, expected = tutorial(steps, r1)
    # float32 against float64, a few thousand terms a sum: 1e-3 relative is what is left after
    # four steps; exchanging the rates (2e-4, 3e-4) moves the weights by 1e-4 a step.
    assert metrics.tolist() == pytest.approx(expected, rel=1e-3)
    for mine, theirs in ((ours.generator, generator), (ours.discriminator, discriminator)):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(a.double(), b, atol=2e-5), (a.double() - b).abs().max()


def test_the_metrics_are_named_in_their_order() -> None:
    names = [metric.name for metric in AdversarialObjective.metrics]
    assert names == ["loss_d", "loss_g", "d_real", "d_fake", "grad_norm_d", "grad_norm_g"]


def test_the_penalty_shows() -> None:
    """The known-bad twin: without R1 the gradient of D is another one."""
    norms = [tutorial(1, r1)[2][4] for r1 in (0.0, 2.0)]
    assert norms[0] != pytest.approx(norms[1], rel=0.1)


def test_the_penalty_of_a_known_discriminator() -> None:
    """D(x) = w · x²/2 at each pixel: the gradient is w x, its squared norm w² Σ x²."""

    class Square(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.tensor(3.0))

        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return self.w * x.square().sum((1, 2, 3)) / 2

    discriminator, real = Square(), batch().images
    mean = real.square().sum((1, 2, 3)).mean()
    found = r1_penalty(discriminator, real, None)
    found.backward()
    # Sums of 768 float32 squares.
    assert found.item() == pytest.approx(9 * mean.item(), rel=1e-5)
    assert discriminator.w.grad.item() == pytest.approx(6 * mean.item(), rel=1e-5)


def test_exchanged_targets_are_noticed() -> None:
    """The known-bad twin of the tutorial's steps: real and fake targets the other way round."""
    exchanged = {
        "train__adversarial__real_labels": [0.0, 0.3],
        "train__adversarial__fake_labels": [0.7, 1.2],
    }
    ours = objective(**exchanged, train__beta1=0.5, train__adversarial__r1=0.0)
    metrics = ours.step(batch(), 0)
    expected = tutorial(1)[2]
    assert metrics[0].item() != pytest.approx(expected[0], rel=1e-3)
    assert metrics[4].item() != pytest.approx(expected[4], rel=1e-3)


def test_targets_of_both_sides() -> None:
    narrow = objective(
        train__adversarial__real_labels=[0.8, 0.9], train__adversarial__fake_labels=[0.1, 0.2]
    )
    real, fake = (side.numpy() for side in narrow._targets(batch(1000)))
    assert np.float32(0.8) <= real.min() and real.max() <= np.float32(0.9)
    assert np.float32(0.1) <= fake.min() and fake.max() <= np.float32(0.2)
    assert np.corrcoef(real, fake)[0, 1] ** 2 < 0.02
    swapped = objective(
        train__adversarial__real_labels=[1, 1],
        train__adversarial__fake_labels=[0, 0],
        train__adversarial__swap_labels=0.5,
    )
    real, fake = swapped._targets(batch(1000))
    assert 400 < (real == 0).sum() < 600
    assert 400 < (fake == 1).sum() < 600


def test_the_generators_step_leaves_d_alone_and_the_other_way_round() -> None:
    ours = objective()
    before = copy.deepcopy(ours.generator.state_dict())
    fake, *_ = ours._split_step_of_d(batch(), None, 1.0, learns_g=True)
    precision.apply_gradients(ours.discriminator, ours.optimizer_d, ours.scaler)
    for name, weight in ours.generator.named_parameters():
        assert torch.equal(weight, before[name]) and weight.grad is None
    of_d = copy.deepcopy(dict(ours.discriminator.named_parameters()))
    ours._generator_step(batch(), fake, None)
    for name, weight in ours.discriminator.named_parameters():
        assert torch.equal(weight, of_d[name])
        assert weight.requires_grad
    assert not torch.equal(ours.generator.layers[0].weight, before["layers.0.weight"])


def one_core(**changes: Any) -> AdversarialObjective:
    with mock.patch.object(cores, "usable", return_value=1):
        return objective(**changes)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_core_more_gives_the_same_bits(dtype: str) -> None:
    changes = {"train__precision": dtype, "train__adversarial__r1": 0.5}
    alone = one_core(**changes)
    with mock.patch.object(cores, "usable", return_value=2 * torch.get_num_threads()):
        beside = objective(**changes)
    used = set()
    original = beside._penalty

    def noting(*arguments: Any) -> Any:
        used.add(threading.get_ident())
        return original(*arguments)

    beside._penalty = noting
    for number in range(20):  # the penalty comes twice
        assert torch.equal(alone.step(batch(), number), beside.step(batch(), number))
    assert len(used) == 1 and threading.get_ident() not in used
    for one, other in zip(
        [*alone.generator.state_dict().values(), *alone.discriminator.state_dict().values()],
        [*beside.generator.state_dict().values(), *beside.discriminator.state_dict().values()],
        strict=True,
    ):
        assert torch.equal(one, other)


def test_the_penalty_bears_that_a_compiled_pass_changes_the_buffers() -> None:
    """torch.compile writes batch norm's statistics back in place, which autograd takes for a change
    of what a plain pass before it saved."""
    joint = one_core(train__adversarial__r1=0.5)
    joint._is_split, joint._real_side = False, joint.discriminator

    def compiled(images: Tensor, labels: Tensor | None) -> Tensor:
        network = joint.discriminator
        own = {name: buffer.clone() for name, buffer in network.named_buffers()}
        logits = torch.func.functional_call(network, own, (images, labels))
        for name, buffer in network.named_buffers():
            buffer.copy_(own[name])
        return logits

    joint._shared_discriminator = compiled
    joint._dropouts[compiled] = []
    assert joint.step(batch(), 0).isfinite().all()


def test_both_sides_split_or_in_one_go_are_the_same_step() -> None:
    """A GPU, and several processes, take the sides in one go."""
    split, joint = one_core(train__adversarial__r1=0.5), one_core(train__adversarial__r1=0.5)
    joint._is_split, joint._real_side = False, joint.discriminator
    for number in range(3):
        of_split, of_joint = (each.step(batch(), number) for each in (split, joint))
        assert of_split.tolist() == pytest.approx(of_joint.tolist(), rel=1e-4)


def test_an_error_beside_is_raised_and_the_next_step_is_whole() -> None:
    with mock.patch.object(cores, "usable", return_value=2 * torch.get_num_threads()):
        ours = objective()
    broken = Batch(batch().images[:, :1], batch().labels, batch().latents, first=16, seed=SEED)
    with pytest.raises(RuntimeError, match="channels"):
        ours.step(broken, 1)
    assert torch.equal(ours.step(batch(), 1), objective().step(batch(), 1))


def test_state_goes_round() -> None:
    """Two steps at once, or one, a save, a load into new networks, and another."""
    one = objective()
    one.step(batch(), 0)
    saved = copy.deepcopy(one.state_dict())
    other = objective()
    other.load_state_dict(saved)
    assert torch.equal(one.step(batch(), 1), other.step(batch(), 1))
    for a, b in zip(one.generator.parameters(), other.generator.parameters(), strict=True):
        assert torch.equal(a, b)


def test_bfloat16_is_near_float32() -> None:
    rows = []
    for dtype in ("float32", "bfloat16"):
        ours = objective(train__precision=dtype)
        for number in range(3):
            metrics = ours.step(batch(), number)
        rows.append(metrics)
        assert all(p.dtype == torch.float32 for p in ours.generator.parameters())
    # bfloat16 has 8 bits of mantissa: 0.4 % a value.
    assert rows[1].tolist() == pytest.approx(rows[0].tolist(), rel=0.05)
    assert not torch.equal(rows[0], rows[1])


def test_float16_with_its_scaler_trains() -> None:
    """The scaler starts at 65536, too high at times: steps are skipped, metrics stay finite."""
    ours = objective(train__precision="float16")
    before = copy.deepcopy(ours.generator.state_dict())
    for number in range(20):
        assert ours.step(batch(), number).isfinite().all()
    assert ours.scaler.is_enabled()
    assert ours.state_dict()["scaler"]["scale"] <= 65536
    after = ours.generator.state_dict()
    assert not torch.equal(after["layers.0.weight"], before["layers.0.weight"])
    assert all(value.isfinite().all() for value in after.values())


def rows(gap: float, count: int = 30) -> list[dict[str, Any]]:
    return [{"d_real": gap, "d_fake": 0.0} for _ in range(count)]


def test_a_discriminator_that_has_won_for_long_is_a_warning() -> None:
    ours = objective()
    assert "G learns nothing" in ours.warning(rows(0.99))
    assert ours.warning(rows(0.6)) is None
    assert ours.warning(rows(0.99, count=5)) is None
    assert ours.warning([*rows(0.99), *rows(0.5, count=1)]) is None


def test_what_a_perfect_discriminator_shows_follows_its_targets() -> None:
    """Targets of 0.95 and 0.15 in the mean, 3 % of them swapped: it answers 0.926 and 0.174."""
    smooth = objective(train__adversarial__swap_labels=0.03)
    assert smooth._largest_gap() == pytest.approx(0.926 - 0.174)
    assert "G learns nothing" in smooth.warning(rows(0.72))
    assert smooth.warning(rows(0.71)) is None
    hard = objective(
        train__adversarial__real_labels=[1, 1],
        train__adversarial__fake_labels=[0, 0],
        train__adversarial__swap_labels=0.0,
    )
    assert hard.warning(rows(0.94)) is None and hard.warning(rows(0.96)) is not None


class Recorder(nn.Module):
    """A network of one weight that notes the labels that it is given."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shape = shape
        self.given: list[Tensor | None] = []

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        self.given.append(labels)
        return (
            (self.weight * x.flatten(1).mean(1))
            .view(-1, *[1] * len(self.shape))
            .expand(-1, *self.shape)
        )


@pytest.mark.parametrize("conditional", [True, False])
def test_both_networks_are_told_the_classes_or_neither(conditional: bool) -> None:
    generator, discriminator = Recorder(3, 16, 16), Recorder()
    ours = AdversarialObjective(
        {"generator": generator, "discriminator": discriminator},
        train=tiny(train__adversarial__r1=1.0).train,
        device=CPU,
        distributed=Distributed(),
        conditional=conditional,
    )
    given = Batch(batch().images, torch.arange(COUNT), batch().latents, first=0, seed=SEED)
    ours.step(given, 0)
    # G once; D on real and generated images, in the penalty, and for G.
    of_d = [*discriminator.given, *ours._real_side.given]
    assert (len(generator.given), len(of_d)) == (1, 4)
    for labels in [*generator.given, *of_d]:
        assert (labels is given.labels) if conditional else (labels is None)
