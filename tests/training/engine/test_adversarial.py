"""One round of the game, against the tutorial's loop written out in float64."""

import copy

import pytest
import torch
from torch import nn

from pipeline.models import build_discriminator, build_generator, initialise
from pipeline.training.engine.adversarial import FIGURES, Players, squared_gradient
from pipeline.training.engine.distributed import Team
from tests.training.tiny import tiny

CPU = torch.device("cpu")


def networks() -> tuple[nn.Module, nn.Module]:
    generator = build_generator(name="dcgan", side_px=16, latent_dim=8, channels=4)
    discriminator = build_discriminator(name="dcgan", side_px=16, channels=4)
    initialise(generator, 1)
    initialise(discriminator, 2)
    return generator, discriminator


def batch(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    source = torch.Generator().manual_seed(3)
    real = torch.rand(8, 3, 16, 16, generator=source) * 2 - 1
    latents = torch.randn(8, 8, generator=source)
    real_targets = 0.7 + 0.5 * torch.rand(8, generator=source)
    fake_targets = 0.3 * torch.rand(8, generator=source)
    return tuple(x.to(dtype) for x in (real, latents, real_targets, fake_targets))


def tutorial(steps: int, r1: float = 0.0) -> tuple[nn.Module, nn.Module, list[float]]:
    """pytorch.org's DCGAN tutorial, with soft targets: the definition that `Players` must meet.
    R1 in the first step, as strong as for 16."""
    generator, discriminator = (network.double() for network in networks())
    real, latents, real_targets, fake_targets = batch(torch.float64)

    def criterion(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
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
        loss_g = criterion(discriminator(fake).sigmoid(), torch.ones(8, dtype=torch.float64))
        loss_g.backward()
        norm_g = nn.utils.clip_grad_norm_(generator.parameters(), float("inf")).item()
        optimizer_g.step()
    figures = [(loss_real + loss_fake).item(), loss_g.item(), d_real, d_fake, norm_d, norm_g]
    return generator, discriminator, figures


@pytest.mark.parametrize(("steps", "r1"), [(1, 0.0), (4, 0.0), (1, 2.0), (4, 2.0)])
def test_rounds_are_the_tutorials(steps: int, r1: float) -> None:
    train = tiny(train__lr_g=2e-4, train__lr_d=3e-4, train__beta1=0.5, train__r1=r1).train
    players = Players(*networks(), train=train, device=CPU, team=Team())
    for number in range(steps):
        figures = players.step(*batch(), number=number)
    generator, discriminator, expected = tutorial(steps, r1)
    # float32 against float64, a few thousand terms a sum: 1e-3 relative is what is left after
    # four steps; exchanging the rates (2e-4, 3e-4) moves the weights by 1e-4 a step.
    assert figures.tolist() == pytest.approx(expected, rel=1e-3)
    for ours, theirs in ((players.generator, generator), (players.discriminator, discriminator)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(a.double(), b, atol=2e-5), (a.double() - b).abs().max()


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

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.w * x.square().sum((1, 2, 3)) / 2

    discriminator, real = Square(), batch()[0]
    mean = real.square().sum((1, 2, 3)).mean()
    found = squared_gradient(discriminator, real)
    found.backward()
    # Sums of 768 float32 squares.
    assert found.item() == pytest.approx(9 * mean.item(), rel=1e-5)
    assert discriminator.w.grad.item() == pytest.approx(6 * mean.item(), rel=1e-5)


def test_exchanged_targets_are_noticed() -> None:
    """The known-bad twin of the test above: real and fake targets the other way round."""
    train = tiny(train__beta1=0.5, train__r1=0.0).train
    players = Players(*networks(), train=train, device=CPU, team=Team())
    real, latents, real_targets, fake_targets = batch()
    figures = players.step(real, latents, fake_targets, real_targets, number=0)
    expected = tutorial(1)[2]
    assert figures[0].item() != pytest.approx(expected[0], rel=1e-3)
    assert figures[4].item() != pytest.approx(expected[4], rel=1e-3)


def test_the_generators_step_leaves_d_alone_and_the_other_way_round() -> None:
    players = Players(*networks(), train=tiny().train, device=CPU, team=Team())
    real, latents, real_targets, fake_targets = batch()
    before = copy.deepcopy(players.generator.state_dict())
    fake = players.generator(latents)
    players._discriminator_step(real, fake.detach(), real_targets, fake_targets, 1.0)
    for name, weight in players.generator.named_parameters():
        assert torch.equal(weight, before[name])
    of_d = copy.deepcopy(dict(players.discriminator.named_parameters()))
    players._generator_step(fake)
    for name, weight in players.discriminator.named_parameters():
        assert torch.equal(weight, of_d[name])
        assert weight.requires_grad


def test_state_goes_round() -> None:
    """Two rounds at once, or one, a save, a load into new networks, and another."""
    one = Players(*networks(), train=tiny().train, device=CPU, team=Team())
    one.step(*batch(), number=0)
    saved = copy.deepcopy(one.state_dict())
    other = Players(*networks(), train=tiny().train, device=CPU, team=Team())
    other.load_state_dict(saved)
    assert torch.equal(one.step(*batch(), number=1), other.step(*batch(), number=1))
    for a, b in zip(one.generator.parameters(), other.generator.parameters(), strict=True):
        assert torch.equal(a, b)


def test_bfloat16_is_near_float32() -> None:
    rows = []
    for precision in ("float32", "bfloat16"):
        train = tiny(train__precision=precision).train
        players = Players(*networks(), train=train, device=CPU, team=Team())
        for number in range(3):
            figures = players.step(*batch(), number=number)
        rows.append(figures)
        assert all(p.dtype == torch.float32 for p in players.generator.parameters())
    # bfloat16 has 8 bits of mantissa: 0.4 % a value.
    assert rows[1].tolist() == pytest.approx(rows[0].tolist(), rel=0.05)
    assert len(FIGURES) == 6


def test_float16_with_its_scaler_trains() -> None:
    """The scaler starts at 65536, too high at times: steps are skipped, figures stay finite."""
    train = tiny(train__precision="float16").train
    players = Players(*networks(), train=train, device=CPU, team=Team())
    before = copy.deepcopy(players.generator.state_dict())
    for number in range(20):
        assert players.step(*batch(), number=number).isfinite().all()
    assert players.scaler.is_enabled()
    assert players.state_dict()["scaler"]["scale"] <= 65536
    after = players.generator.state_dict()
    assert not torch.equal(after["layers.0.weight"], before["layers.0.weight"])
    assert all(value.isfinite().all() for value in after.values())
