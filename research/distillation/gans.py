"""Small generators of many kinds, sampled from 1 % to 100 % of their training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROGRESS = (0.01, 0.03, 0.08, 0.15, 0.3, 0.5, 0.75, 1.0)
_GRADIENT_PENALTY = 10.0  # lambda of Gulrajani et al. 2017, eq. 3


@dataclass(frozen=True)
class Run:
    """One generator: its networks and how they are trained.

    Attributes:
        loss: "bce" (Goodfellow et al. 2014), "bce-smooth" (the same, real label 0.9), "hinge" (Lim
            & Ye 2017), "least-squares" (Mao et al. 2017), "relativistic" (Jolicoeur-Martineau
            2019), "wasserstein" (with a gradient penalty, Gulrajani et al. 2017), or "elbo": no
            GAN but a variational autoencoder (Kingma & Welling 2014).
        upsampling: "transposed" (DCGAN), "pixel-shuffle" (convolve to four times the channels,
            Shi et al. 2016), "blurred" (then the mean of 2x2 pixels: no checkerboards); "nearest",
            "bilinear" or "bicubic": pixels are repeated or interpolated, then convolved.
        trained_on: "crops" or "photos".
        images: real images shown in all.
        norm: batch norm in the discriminator.
        subset: so many images alone are trained on, few enough to be memorised; None: all.
        latent: length of a latent.
        beta1: of Adam, for both networks.
        variance: of a pixel in [-1, 1], in the autoencoder's likelihood: the more, the blurrier.
    """

    seed: int
    channels: int
    lr: float
    loss: str
    upsampling: str
    trained_on: str
    images: int
    batch: int = 32
    norm: bool = True
    subset: int | None = None
    latent: int = 64
    beta1: float = 0.5
    variance: float = 0.1


def _named(*runs: Run) -> dict[str, Run]:
    """Return the runs by a name that says what they are."""
    return {f"{run.loss}-{run.upsampling}-{run.seed}": run for run in runs}


# What the embedded network is trained on. Many short runs: each kind and each seed makes errors of
# its own, and a network trained on three kinds gives a fourth an arbitrary score. Those of the
# first stage,
FIRST_RUNS = _named(
    Run(1, 16, 2e-4, "bce", "transposed", "crops", 96_000),
    Run(2, 16, 2e-4, "bce", "transposed", "photos", 48_000),
    Run(3, 16, 1.5e-3, "bce", "transposed", "photos", 40_000, 64),
    Run(4, 16, 3e-4, "hinge", "transposed", "crops", 32_000),
    Run(5, 16, 3e-4, "hinge", "pixel-shuffle", "photos", 32_000, 64),
    Run(6, 16, 4e-4, "least-squares", "pixel-shuffle", "crops", 24_000),
    Run(8, 16, 2e-4, "bce", "transposed", "crops", 24_000, 64, norm=False),
    Run(9, 8, 5e-4, "bce", "transposed", "crops", 24_000),
    Run(10, 16, 5e-4, "bce", "transposed", "crops", 24_000, subset=300),
    Run(11, 16, 2e-4, "bce", "transposed", "photos", 16_000, 16),
    Run(12, 12, 1e-3, "hinge", "pixel-shuffle", "crops", 12_000),
    Run(13, 24, 2e-4, "hinge", "transposed", "photos", 16_000),
    Run(14, 16, 2e-4, "bce", "pixel-shuffle", "crops", 16_000),
    Run(15, 8, 1e-3, "least-squares", "pixel-shuffle", "photos", 12_000),
    Run(16, 16, 4e-4, "hinge", "transposed", "crops", 12_000, norm=False),
    Run(17, 16, 2e-4, "bce", "blurred", "crops", 32_000),
    Run(18, 16, 3e-4, "hinge", "blurred", "photos", 24_000),
    Run(19, 16, 5e-4, "bce", "blurred", "photos", 24_000, 64, norm=False),
)
# of the second, most of which leave no checkerboards,
SECOND_RUNS = FIRST_RUNS | _named(
    Run(31, 16, 2e-4, "bce", "bilinear", "crops", 40_000, 16, beta1=0.0),
    Run(32, 16, 3e-4, "hinge", "bilinear", "photos", 24_000, norm=False),
    Run(33, 16, 1e-3, "elbo", "transposed", "photos", 32_000, variance=0.03),
    Run(34, 16, 1e-3, "elbo", "nearest", "photos", 16_000, variance=0.4),
    Run(35, 16, 2e-4, "bce", "transposed", "crops", 60_000, 8, beta1=0.0),
    Run(36, 12, 4e-4, "least-squares", "nearest", "crops", 24_000),
    Run(37, 16, 1e-3, "elbo", "bilinear", "crops", 24_000, latent=128),
    Run(38, 16, 2e-4, "bce", "nearest", "photos", 24_000, 16, norm=False),
)
# of the third,
THIRD_RUNS = SECOND_RUNS | _named(
    Run(39, 16, 2e-4, "hinge", "blurred", "crops", 32_000, 8, norm=False, beta1=0.0),
)
# and of the last.
TRAINING_RUNS = THIRD_RUNS | _named(
    Run(40, 16, 2e-4, "wasserstein", "nearest", "crops", 24_000, norm=False, beta1=0.0),
    Run(41, 16, 2e-4, "relativistic", "transposed", "crops", 32_000, norm=False),
)
# Held out to evaluate it: other kinds and other seeds, trained on breeds that it never saw. Their
# names stand in evaluation.csv.
HELD_OUT_RUNS = {
    "smooth": Run(61, 16, 2e-4, "bce-smooth", "transposed", "crops", 40_000),
    "pairs": Run(62, 16, 2e-4, "relativistic", "pixel-shuffle", "photos", 32_000, norm=False),
    "vae": Run(64, 16, 1e-3, "elbo", "pixel-shuffle", "crops", 32_000),
    "critic": Run(
        65, 16, 2e-4, "wasserstein", "bicubic", "photos", 24_000, norm=False, latent=128, beta1=0.0
    ),
}


def generator(run: Run) -> nn.Sequential:
    """Return a generator: (N, latent) -> (N, 3, 64, 64) in [-1, 1]."""
    width = run.channels
    layers: list[nn.Module] = [
        nn.Unflatten(1, (run.latent, 1, 1)),
        nn.ConvTranspose2d(run.latent, 8 * width, 4, bias=False),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(),
    ]
    for inputs, outputs in ((8, 4), (4, 2), (2, 1), (1, 0)):
        into = outputs * width or 3
        layers += _upsample(run.upsampling, inputs * width, into, bias=not outputs)
        layers += [nn.BatchNorm2d(into), nn.ReLU()] if outputs else [nn.Tanh()]
    return nn.Sequential(*layers)


def _upsample(upsampling: str, inputs: int, outputs: int, *, bias: bool) -> list[nn.Module]:
    """Return layers: (N, inputs, H, W) -> (N, outputs, 2H, 2W)."""
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
    """Return a discriminator: (N, 3, 64, 64) -> (N,) logits; for "elbo" an encoder: -> (N, 2
    latent), means and log variances."""
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


def discriminator_loss(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """Return the discriminator's loss, given its logits of real and of generated images."""
    if kind == "bce":
        return (F.softplus(-real) + F.softplus(fake)).mean()
    if kind == "bce-smooth":
        return (0.9 * F.softplus(-real) + 0.1 * F.softplus(real) + F.softplus(fake)).mean()
    if kind == "hinge":
        return (F.relu(1 - real) + F.relu(1 + fake)).mean()
    if kind == "relativistic":
        return F.softplus(fake - real).mean()
    if kind == "wasserstein":
        return (fake - real).mean()
    return ((real - 1) ** 2 + fake**2).mean()


def generator_loss(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """Return the generator's loss, given the discriminator's logits."""
    if kind in ("bce", "bce-smooth"):
        return F.softplus(-fake).mean()
    if kind in ("hinge", "wasserstein"):
        return -fake.mean()
    if kind == "relativistic":
        return F.softplus(real - fake).mean()
    return ((fake - 1) ** 2).mean()


def train_and_sample(
    run: Run, images: np.ndarray, count: int
) -> Iterator[tuple[float, np.ndarray]]:
    """Train one generator; yield (progress, samples) at each of `PROGRESS`.

    Args:
        images: (N, 64, 64, 3) uint8.
        count: number of samples each time, (count, 64, 64, 3) uint8.
    """
    torch.manual_seed(run.seed)
    rng = np.random.default_rng(run.seed)
    if run.subset:
        images = images[rng.choice(len(images), min(run.subset, len(images)), False)]
    networks = generator(run), discriminator(run)
    for network in networks:
        network.to(memory_format=torch.channels_last)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0, 0.02)
    make_step = _autoencoder_step if run.loss == "elbo" else _adversarial_step
    train_step = make_step(run, *networks)
    steps = run.images // run.batch
    stops = {max(1, round(steps * share)): share for share in PROGRESS}
    for step in range(1, steps + 1):
        chosen = images[rng.integers(len(images), size=run.batch)]
        train_step(torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1)
        if step in stops:
            yield stops[step], sample(networks[0], run.latent, count)


def _adversarial_step(run: Run, g: nn.Module, d: nn.Module) -> Callable[[Tensor], None]:
    """Return a function that trains both networks for a step, given a batch of real images."""
    adam_g, adam_d = (
        torch.optim.Adam(network.parameters(), run.lr, betas=(run.beta1, 0.999))
        for network in (g, d)
    )

    def step(real: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            fake = g(torch.randn(run.batch, run.latent))
            on_real, on_fake = d(real), d(fake.detach())
        loss = discriminator_loss(run.loss, on_real.float(), on_fake.float())
        if run.loss == "wasserstein":
            loss = loss + _GRADIENT_PENALTY * _gradient_penalty(d, real, fake.detach().float())
        _descend(loss, adam_d)
        with torch.autocast("cpu", torch.bfloat16):
            on_fake = d(fake)
        loss = generator_loss(run.loss, on_real.detach().float(), on_fake.float())
        _descend(loss, adam_g)

    return step


def _gradient_penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Return the mean of (|gradient of d| - 1)² at random points between real and generated images
    (Gulrajani et al. 2017, eq. 3)."""
    share = torch.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(d(between).sum(), between, create_graph=True)
    return (gradient.square().sum((1, 2, 3)).sqrt() - 1).square().mean()


def _autoencoder_step(run: Run, decode: nn.Module, encode: nn.Module) -> Callable[[Tensor], None]:
    """Return a function that trains both networks for a step on the negative evidence lower bound
    (Kingma & Welling 2014, eq. 10), given a batch of real images."""
    adam = torch.optim.Adam([*decode.parameters(), *encode.parameters()], run.lr)

    def step(real: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = encode(real).float().chunk(2, 1)
            latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            decoded = decode(latents)
        squares = (decoded.float() - real).square().sum((1, 2, 3)) / (2 * run.variance)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
        _descend((squares + divergence).mean(), adam)

    return step


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
@torch.autocast("cpu", torch.bfloat16)
def sample(g: nn.Module, latent: int, count: int) -> np.ndarray:
    """Return samples, (count, 64, 64, 3) uint8. Batch norm takes each batch's own statistics, as in
    training."""
    batches = [g(torch.randn(min(100, count - i), latent)) for i in range(0, count, 100)]
    images = torch.cat(batches).float().add(1).mul(127.5).round().to(torch.uint8)
    return images.permute(0, 2, 3, 1).contiguous().numpy()
