"""Options of the adversarial objective beyond the tutorial: hinge, several steps of D, a falling
rate, dropout's and DiffAugment's draws, the advice for few images."""

import copy
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.common import cores, randomness
from pipeline.common.errors import InputError
from pipeline.images.shape import ImageShape
from pipeline.models import mlp
from pipeline.models.family import NetworkSize
from pipeline.training.engine import losses, precision
from pipeline.training.engine.adversarial import AdversarialObjective
from pipeline.training.engine.batches import Batch
from pipeline.training.engine.distributed import Distributed
from tests.factories import tiny

CPU = torch.device("cpu")
SEED = 5


def networks(dropout: float = 0.0) -> dict[str, nn.Module]:
    parameters = mlp.Parameters(
        generator_widths=(8,),
        discriminator_widths=(12, 6),
        generator_activation="relu",
        discriminator_activation="leaky_relu",
        dropout=dropout,
        conditional=False,
    )
    made = mlp.build(parameters, NetworkSize(4, ImageShape(16, 1), 0))
    for seed, network in enumerate(made.values()):
        mlp.initialise(network, seed)
    return made


def objective(dropout: float = 0.0, **changes: Any) -> AdversarialObjective:
    settings = {f"train__adversarial__{name}": value for name, value in changes.items()}
    train = tiny(**{"train__adversarial__r1": 0.0} | settings).train
    return AdversarialObjective(
        networks(dropout), train=train, device=CPU, distributed=Distributed(), conditional=False
    )


def batch(count: int = 8, first: int = 16) -> Batch:
    latents = randomness.normals(SEED, "latents", first, count, 4)
    pixels = randomness.uniforms(SEED, "pixels", first, count, 256) * 2 - 1
    images = torch.from_numpy(pixels.astype(np.float32)).view(count, 1, 16, 16)
    labels = torch.zeros(count, dtype=torch.int64)
    return Batch(images, labels, torch.from_numpy(latents), first=first, seed=SEED)


def weights(network: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


# --- hinge -------------------------------------------------------------------------------------
def test_hinge_by_its_formula() -> None:
    """Miyato et al. 2018, equations 16 and 17: worked out by hand."""
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 0.25])
    # max(0, 1 − D(x)): 0, 0.5, 2; max(0, 1 + D(G(z))): 0, 1, 1.25.
    of_real = losses.discriminator_hinge_loss(real, is_real=True)
    of_fake = losses.discriminator_hinge_loss(fake, is_real=False)
    assert (of_real.item(), of_fake.item()) == pytest.approx((2.5 / 3, 2.25 / 3))
    assert losses.generator_hinge_loss(fake).item() == pytest.approx(2.75 / 3)


def test_a_hinge_step_reports_the_hinge_loss_and_ignores_targets() -> None:
    ours = objective(loss="hinge")
    with torch.no_grad():
        fake = ours.generator(batch().latents)
        real_logits, fake_logits = ours.discriminator(batch().images), ours.discriminator(fake)
    expected = losses.discriminator_hinge_loss(real_logits, is_real=True)
    expected += losses.discriminator_hinge_loss(fake_logits, is_real=False)
    metrics = ours.step(batch(), 1)
    assert metrics[0].item() == pytest.approx(expected.item(), rel=1e-5)
    assert metrics[2].item() == pytest.approx(real_logits.sigmoid().mean().item(), rel=1e-5)
    other = objective(loss="hinge", real_labels=[0.1, 0.2], swap_labels=0.5)
    assert torch.equal(other.step(batch(), 1), metrics)
    assert not torch.equal(objective().step(batch(), 1), metrics)


# --- several steps of D ------------------------------------------------------------------------
@pytest.mark.parametrize("d_steps", [1, 2, 3])
def test_g_learns_in_its_own_steps_alone(d_steps: int) -> None:
    ours = objective(d_steps=d_steps)
    moved = []
    for number in range(6):
        before = [weights(network) for network in (ours.generator, ours.discriminator)]
        metrics = ours.step(batch(first=8 * number), number)
        after = [weights(network) for network in (ours.generator, ours.discriminator)]
        moved.append(not torch.equal(before[0], after[0]))
        assert not torch.equal(before[1], after[1])  # D learns in each
        assert (metrics[1] > 0) == (number >= d_steps - 1)
        if moved[-1]:
            last = metrics[[1, 5]]
        elif number >= d_steps:
            assert torch.equal(metrics[[1, 5]], last)
    assert moved == [number % d_steps == d_steps - 1 for number in range(6)]


def test_gs_step_is_the_same_whether_it_waited_or_not() -> None:
    """A step in which G does not learn leaves nothing behind but D's weights and G's statistics."""
    waited, alone = objective(d_steps=2), objective(d_steps=1)
    waited.step(batch(), 0)
    alone.load_state_dict(copy.deepcopy(waited.state_dict()))
    assert torch.equal(waited.step(batch(), 1), alone.step(batch(), 1))
    assert torch.equal(weights(waited.generator), weights(alone.generator))


def test_the_state_between_two_steps_of_g_goes_round() -> None:
    one = objective(d_steps=3)
    for number in range(4):
        one.step(batch(first=8 * number), number)
    other = objective(d_steps=3)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for number in range(4, 7):
        metrics = [each.step(batch(first=8 * number), number) for each in (one, other)]
        assert torch.equal(*metrics)


# --- the falling rate --------------------------------------------------------------------------
def test_rates_fall_on_a_straight_line_to_nothing() -> None:
    train = tiny(train__lr_decay="linear", train__images=80, train__batch_size=8).train
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))])
    found = []
    for number in range(12):
        precision.set_rate(optimizer, 0.5, train, number)
        found.append(optimizer.param_groups[0]["lr"])
    expected = [0.5 * (1 - 8 * number / 80) for number in range(10)]
    assert found == pytest.approx([*expected, 0.0, 0.0], abs=1e-12)
    constant = train.model_copy(update={"lr_decay": "constant"})
    precision.set_rate(optimizer, 0.5, constant, 7)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_each_networks_own_rate_falls() -> None:
    train = tiny(
        train__lr_decay="linear",
        train__images=64,
        train__adversarial__lr_g=1e-3,
        train__adversarial__lr_d=4e-3,
    ).train
    ours = AdversarialObjective(
        networks(), train=train, device=CPU, distributed=Distributed(), conditional=False
    )
    ours.step(batch(), 6)  # of 8 steps: a quarter is left
    rates = [each.param_groups[0]["lr"] for each in (ours.optimizer_g, ours.optimizer_d)]
    assert rates == pytest.approx([2.5e-4, 1e-3])


def test_no_rate_is_left_in_the_step_after_the_last() -> None:
    settings = tiny(train__lr_decay="linear", train__images=64).train
    ours = AdversarialObjective(
        networks(), train=settings, device=CPU, distributed=Distributed(), conditional=False
    )
    before = weights(ours.generator)
    ours.step(batch(), 8)
    assert torch.equal(weights(ours.generator), before)


# --- dropout -----------------------------------------------------------------------------------
class Masks(nn.Module):
    """Notes which units a dropout layer leaves out, in each pass."""

    def __init__(self, layer: nn.Module, seen: list[Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.seen = seen

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(self.layer(torch.ones_like(x)) == 0)
        return self.layer(x)


def masks(first: int, count: int, *, r1: float = 0.0) -> list[Tensor]:
    seen: list[Tensor] = []
    with mock.patch.object(cores, "usable", return_value=1):  # one pass after the other
        ours = objective(0.4, r1=r1)
    for network in (ours.discriminator, ours._real_side):
        place = len(network.layers) - 2
        network.layers[place] = Masks(network.layers[place], seen)
    ours.step(batch(count, first), 0)
    return seen


def test_dropouts_draws_are_a_function_of_the_image() -> None:
    whole = masks(16, 8)
    assert len(whole) == 3  # real, generated, for G
    for first, count in ((16, 4), (20, 4), (18, 2)):
        for one, other in zip(masks(first, count), whole, strict=True):
            assert torch.equal(one, other[first - 16 : first - 16 + count])
    assert len({mask.numpy().tobytes() for mask in whole}) == 3  # each pass has its own
    share = torch.stack(masks(0, 400)).float().mean().item()
    assert share == pytest.approx(0.4, abs=0.02)  # 7,200 draws: three standard errors


def test_the_penalty_sees_the_network_that_saw_the_real_images() -> None:
    real, penalty, _, _ = masks(16, 8, r1=1.0)
    assert torch.equal(real, penalty)


def test_torchs_own_generator_has_no_part_in_a_step() -> None:
    rows = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        rows.append(objective(0.4, augment=["colour", "translation", "cutout"]).step(batch(), 0))
    assert torch.equal(*rows)


# --- DiffAugment -------------------------------------------------------------------------------
def test_both_sides_are_augmented_and_each_with_draws_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pipeline.training.engine import augment as augmentation

    seen: list[tuple[Tensor, Tensor]] = []
    original = augmentation.augment

    def noting(images: Tensor, chance: Tensor, names: tuple[str, ...]) -> Tensor:
        seen.append((images.detach(), chance))
        assert names == ("translation",)
        return original(images, chance, names)

    monkeypatch.setattr(augmentation, "augment", noting)
    with mock.patch.object(cores, "usable", return_value=1):  # one side after the other
        ours = objective(augment=["translation"])
    ours.step(batch(), 0)
    (real, *_), (fake, _), (for_g, _) = seen
    assert torch.equal(real, batch().images)
    assert torch.equal(fake, for_g)
    chances = [chance for _, chance in seen]
    for stream, chance in zip(("augment real", "augment fake", "augment G"), chances, strict=True):
        expected = randomness.uniforms(SEED, stream, 16, 8, 7).T.astype(np.float32)
        assert np.array_equal(chance.numpy(), expected)


def test_an_augmentation_is_named_once() -> None:
    with pytest.raises(InputError, match=r"adversarial\.augment.*each augmentation once"):
        tiny(train__adversarial__augment=["colour", "colour"])
    with pytest.raises(InputError, match=r"train\.adversarial\.augment"):
        tiny(train__adversarial__augment=["blur"])


# --- advice ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shows", "augment", "is_given"),
    [(20.0, None, False), (20.5, None, True), (500.0, None, True), (500.0, ["cutout"], False)],
)
def test_diffaugment_is_advised_where_images_are_shown_often(
    shows: float, augment: list[str] | None, is_given: bool
) -> None:
    advice = objective(augment=augment).advice(shows)
    assert (advice is not None) == is_given
    if advice:
        assert "\n" not in advice and f"shown {shows:.0f} times" in advice
        assert "train.adversarial.augment: [colour, translation, cutout]" in advice
