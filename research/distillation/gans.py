"""Small generators of many kinds, sampled from 1 % to 100 % of their training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROGRESS = (0.01, 0.03, 0.08, 0.15, 0.3, 0.5, 0.75, 1.0)
_PENALTY = 10.0  # times the squared error of the critic's slope, Gulrajani et al. 2017


@dataclass(frozen=True)
class Run:
    """One generator: what it is made of and how it is trained.

    Attributes:
        loss: "bce" (Goodfellow et al. 2014), "smooth" (the same, real label 0.9), "hinge" (Lim & Ye
            2017), "squares" (Mao et al. 2017), "pairs" (relativistic, Jolicoeur-Martineau 2019),
            "wasserstein" (with a gradient penalty, Gulrajani et al. 2017), or "elbo": no GAN but a
            variational autoencoder (Kingma & Welling 2014).
        upsampling: "transposed" (DCGAN), "shuffle" (convolve to four times the channels,
            Shi et al. 2016), "blurred" (then the mean of 2x2 pixels: no checkerboards); "nearest",
            "bilinear" or "bicubic": pixels are repeated or interpolated, then convolved.
        pictures: "crops" or "photos".
        images: real images shown in all.
        norm: batch norm in the discriminator.
        among: so many pictures alone are learned from: what memorises them.
        latent: numbers that a picture is made from.
        beta1: of Adam, for both players.
        variance: of a pixel in [-1, 1], in the autoencoder's likelihood: the more, the blurrier.
    """

    seed: int
    channels: int
    lr: float
    loss: str
    upsampling: str
    pictures: str
    images: int
    batch: int = 32
    norm: bool = True
    among: int | None = None
    latent: int = 64
    beta1: float = 0.5
    variance: float = 0.1


# What the embedded network learns from. Many short runs: each kind and each seed errs in its own
# way, and a network that knows three kinds puts a fourth anywhere. These are its first stage's,
FIRST_RUNS = {
    "dcgan": Run(1, 16, 2e-4, "bce", "transposed", "crops", 96_000),
    "whole": Run(2, 16, 2e-4, "bce", "transposed", "photos", 48_000),
    "unstable": Run(3, 16, 1.5e-3, "bce", "transposed", "photos", 40_000, 64),
    "hinge": Run(4, 16, 3e-4, "hinge", "transposed", "crops", 32_000),
    "shuffled": Run(5, 16, 3e-4, "hinge", "shuffle", "photos", 32_000, 64),
    "flat": Run(6, 16, 4e-4, "squares", "shuffle", "crops", 24_000),
    "bare": Run(8, 16, 2e-4, "bce", "transposed", "crops", 24_000, 64, norm=False),
    "thin": Run(9, 8, 5e-4, "bce", "transposed", "crops", 24_000),
    "few": Run(10, 16, 5e-4, "bce", "transposed", "crops", 24_000, among=300),
    "early": Run(11, 16, 2e-4, "bce", "transposed", "photos", 16_000, 16),
    "grid": Run(12, 12, 1e-3, "hinge", "shuffle", "crops", 12_000),
    "broad": Run(13, 24, 2e-4, "hinge", "transposed", "photos", 16_000),
    "tiled": Run(14, 16, 2e-4, "bce", "shuffle", "crops", 16_000),
    "faint": Run(15, 8, 1e-3, "squares", "shuffle", "photos", 12_000),
    "plain": Run(16, 16, 4e-4, "hinge", "transposed", "crops", 12_000, norm=False),
    "soft": Run(17, 16, 2e-4, "bce", "blurred", "crops", 32_000),
    "mild": Run(18, 16, 3e-4, "hinge", "blurred", "photos", 24_000),
    "vague": Run(19, 16, 5e-4, "bce", "blurred", "photos", 24_000, 64, norm=False),
}
# these, of which most leave no checkerboards, its second stage's too,
SECOND_RUNS = FIRST_RUNS | {
    "silken": Run(31, 16, 2e-4, "bce", "bilinear", "crops", 40_000, 16, beta1=0.0),
    "hazy": Run(32, 16, 3e-4, "hinge", "bilinear", "photos", 24_000, norm=False),
    "crisp": Run(33, 16, 1e-3, "elbo", "transposed", "photos", 32_000, variance=0.03),
    "foggy": Run(34, 16, 1e-3, "elbo", "nearest", "photos", 16_000, variance=0.4),
    "fine": Run(35, 16, 2e-4, "bce", "transposed", "crops", 60_000, 8, beta1=0.0),
    "close": Run(36, 12, 4e-4, "squares", "nearest", "crops", 24_000),
    "recalled": Run(37, 16, 1e-3, "elbo", "bilinear", "crops", 24_000, latent=128),
    "dense": Run(38, 16, 2e-4, "bce", "nearest", "photos", 24_000, 16, norm=False),
}
# and all of them its last stage's.
TRAINING_RUNS = SECOND_RUNS | {
    "mellow": Run(39, 16, 2e-4, "hinge", "blurred", "crops", 32_000, 8, norm=False, beta1=0.0),
}
# Held out for judging it: other kinds and other seeds, of breeds it never saw.
HELD_OUT_RUNS = {
    "smooth": Run(51, 16, 2e-4, "smooth", "transposed", "crops", 40_000),
    "pairs": Run(52, 16, 2e-4, "pairs", "shuffle", "photos", 32_000, norm=False),
    "vae": Run(54, 16, 1e-3, "elbo", "shuffle", "crops", 32_000),
    "critic": Run(
        55, 16, 2e-4, "wasserstein", "bicubic", "photos", 24_000, norm=False, latent=128, beta1=0.0
    ),
}


def generator(run: Run) -> nn.Sequential:
    """(N, latent) -> (N, 3, 64, 64) in [-1, 1]."""
    width = run.channels
    layers: list[nn.Module] = [
        nn.Unflatten(1, (run.latent, 1, 1)),
        nn.ConvTranspose2d(run.latent, 8 * width, 4, bias=False),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(),
    ]
    for inputs, outputs in ((8, 4), (4, 2), (2, 1), (1, 0)):
        into = outputs * width or 3
        layers += _twice_as_large(run.upsampling, inputs * width, into, bias=not outputs)
        layers += [nn.BatchNorm2d(into), nn.ReLU()] if outputs else [nn.Tanh()]
    return nn.Sequential(*layers)


def _twice_as_large(upsampling: str, inputs: int, outputs: int, *, bias: bool) -> list[nn.Module]:
    if upsampling == "transposed":
        return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)]
    if upsampling in ("nearest", "bilinear", "bicubic"):
        return [
            nn.Upsample(scale_factor=2, mode=upsampling),
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=bias),
        ]
    layers = [nn.Conv2d(inputs, 4 * outputs, 3, 1, 1, bias=bias), nn.PixelShuffle(2)]
    if upsampling == "blurred":
        layers += [nn.ReplicationPad2d((1, 0, 1, 0)), nn.AvgPool2d(2, 1)]
    return layers


def discriminator(run: Run) -> nn.Sequential:
    """(N, 3, 64, 64) -> (N,) logits; the autoencoder's encoder: (N, 2 latent) means, log
    variances."""
    width = run.channels
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for inputs in (1, 2, 4):
        layers += [
            nn.Conv2d(inputs * width, 2 * inputs * width, 4, 2, 1, bias=not run.norm),
            nn.BatchNorm2d(2 * inputs * width) if run.norm else nn.Identity(),
            nn.LeakyReLU(0.2),
        ]
    if run.loss == "elbo":
        return nn.Sequential(*layers, nn.Conv2d(8 * width, 2 * run.latent, 4), nn.Flatten(1))
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4), nn.Flatten(0))


def losses(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss, of its logits."""
    if kind == "bce":
        return (F.softplus(-real) + F.softplus(fake)).mean()
    if kind == "smooth":
        return (0.9 * F.softplus(-real) + 0.1 * F.softplus(real) + F.softplus(fake)).mean()
    if kind == "hinge":
        return (F.relu(1 - real) + F.relu(1 + fake)).mean()
    if kind == "pairs":
        return F.softplus(fake - real).mean()
    if kind == "wasserstein":
        return (fake - real).mean()
    return ((real - 1) ** 2 + fake**2).mean()


def generator_loss(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """The generator's loss, of the discriminator's logits."""
    if kind in ("bce", "smooth"):
        return F.softplus(-fake).mean()
    if kind in ("hinge", "wasserstein"):
        return -fake.mean()
    if kind == "pairs":
        return F.softplus(real - fake).mean()
    return ((fake - 1) ** 2).mean()


def sampled_on_the_way(
    run: Run, pictures: np.ndarray, count: int
) -> Iterator[tuple[float, np.ndarray]]:
    """Train one generator; yield (progress, `count` samples as uint8) at each of `PROGRESS`.

    Args:
        pictures: (N, 64, 64, 3) uint8.
    """
    torch.manual_seed(run.seed)
    rng = np.random.default_rng(run.seed)
    if run.among:
        pictures = pictures[rng.choice(len(pictures), min(run.among, len(pictures)), False)]
    players = generator(run), discriminator(run)
    for player in players:
        player.to(memory_format=torch.channels_last)
        for layer in player.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0, 0.02)
    play = _autoencoding(run, *players) if run.loss == "elbo" else _adversarial(run, *players)
    steps = run.images // run.batch
    stops = {max(1, round(steps * share)): share for share in PROGRESS}
    for step in range(1, steps + 1):
        chosen = pictures[rng.integers(len(pictures), size=run.batch)]
        play(torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1)
        if step in stops:
            yield stops[step], sample(players[0], run.latent, count)


def _adversarial(run: Run, make: nn.Module, judge: nn.Module) -> Callable[[Tensor], None]:
    """One step of both players, given a batch of real pictures."""
    adam_make, adam_judge = (
        torch.optim.Adam(player.parameters(), run.lr, betas=(run.beta1, 0.999))
        for player in (make, judge)
    )

    def play(real: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            fake = make(torch.randn(run.batch, run.latent))
            on_real, on_fake = judge(real), judge(fake.detach())
        loss = losses(run.loss, on_real.float(), on_fake.float())
        if run.loss == "wasserstein":
            loss = loss + _PENALTY * _excess_slope(judge, real, fake.detach().float())
        _descend(loss, adam_judge)
        with torch.autocast("cpu", torch.bfloat16):
            on_fake = judge(fake)
        loss = generator_loss(run.loss, on_real.detach().float(), on_fake.float())
        _descend(loss, adam_make)

    return play


def _excess_slope(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """How far the critic's slope is from 1, squared, between real pictures and made ones."""
    share = torch.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
    return (slope.square().sum((1, 2, 3)).sqrt() - 1).square().mean()


def _autoencoding(run: Run, decode: nn.Module, encode: nn.Module) -> Callable[[Tensor], None]:
    """One step of both halves down the negative evidence lower bound."""
    adam = torch.optim.Adam([*decode.parameters(), *encode.parameters()], run.lr)

    def play(real: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = encode(real).float().chunk(2, 1)
            latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            found = decode(latents)
        squares = (found.float() - real).square().sum((1, 2, 3)) / (2 * run.variance)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
        _descend((squares + divergence).mean(), adam)

    return play


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
@torch.autocast("cpu", torch.bfloat16)
def sample(make: nn.Module, latent: int, count: int) -> np.ndarray:
    """(count, 64, 64, 3) uint8, batch norm with each batch's own statistics, as in training."""
    batches = [make(torch.randn(min(100, count - i), latent)) for i in range(0, count, 100)]
    images = torch.cat(batches).float().add(1).mul(127.5).round().to(torch.uint8)
    return images.permute(0, 2, 3, 1).contiguous().numpy()
