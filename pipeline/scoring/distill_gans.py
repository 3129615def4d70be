"""Small GANs of several kinds, sampled from 1 % to 100 % of their training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROGRESS = (0.01, 0.03, 0.08, 0.15, 0.3, 0.5, 0.75, 1.0)
LATENT = 64


@dataclass(frozen=True)
class Run:
    """One GAN: what it is made of and how it is trained."""

    seed: int
    channels: int
    lr: float
    loss: (
        str  # "bce" (Goodfellow et al. 2014), "hinge" (Lim & Ye 2017), "squares" (Mao et al. 2017)
    )
    upsampling: str  # "transposed" (DCGAN) or "nearest" (upsample, then convolve)
    pictures: str  # "crops" or "photos"
    images: int  # real images shown in all
    batch: int = 32


# Seen in training the network, and held out for judging it.
TRAINING_RUNS = {
    "dcgan": Run(1, 16, 2e-4, "bce", "transposed", "crops", 96_000),
    "hinge": Run(2, 16, 3e-4, "hinge", "nearest", "photos", 40_000),
    "unstable": Run(3, 16, 1.5e-3, "bce", "transposed", "photos", 40_000, 64),
}
HELD_OUT_RUNS = {
    "wide": Run(11, 24, 2e-4, "bce", "transposed", "crops", 64_000),
    "squares": Run(12, 16, 4e-4, "squares", "nearest", "crops", 24_000),
    "photos": Run(13, 16, 3e-4, "hinge", "transposed", "photos", 32_000, 16),
}


def generator(run: Run) -> nn.Sequential:
    """(N, 64) latents -> (N, 3, 64, 64) in [-1, 1]."""
    width = run.channels
    layers: list[nn.Module] = [
        nn.Unflatten(1, (LATENT, 1, 1)),
        nn.ConvTranspose2d(LATENT, 8 * width, 4, bias=False),
        nn.BatchNorm2d(8 * width),
        nn.ReLU(),
    ]
    for inputs, outputs in ((8, 4), (4, 2), (2, 1), (1, 0)):
        into = outputs * width or 3
        if run.upsampling == "transposed":
            layers.append(nn.ConvTranspose2d(inputs * width, into, 4, 2, 1, bias=not outputs))
        else:
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(inputs * width, into, 3, 1, 1, bias=not outputs),
            ]
        layers += [nn.BatchNorm2d(into), nn.ReLU()] if outputs else [nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(run: Run) -> nn.Sequential:
    """(N, 3, 64, 64) -> (N,) logits."""
    width = run.channels
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for inputs in (1, 2, 4):
        layers += [
            nn.Conv2d(inputs * width, 2 * inputs * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * inputs * width),
            nn.LeakyReLU(0.2),
        ]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4), nn.Flatten(0))


def losses(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss."""
    if kind == "bce":
        return (F.softplus(-real) + F.softplus(fake)).mean()
    if kind == "hinge":
        return (F.relu(1 - real) + F.relu(1 + fake)).mean()
    return ((real - 1) ** 2 + fake**2).mean()


def generator_loss(kind: str, fake: Tensor) -> Tensor:
    if kind == "bce":
        return F.softplus(-fake).mean()
    if kind == "hinge":
        return -fake.mean()
    return ((fake - 1) ** 2).mean()


def sampled_on_the_way(
    run: Run, pictures: np.ndarray, count: int
) -> Iterator[tuple[float, np.ndarray]]:
    """Train one GAN; yield (progress, `count` samples as uint8) at each of `PROGRESS`.

    Args:
        pictures: (N, 64, 64, 3) uint8.
    """
    torch.manual_seed(run.seed)
    rng = np.random.default_rng(run.seed)
    players = generator(run), discriminator(run)
    for player in players:
        player.to(memory_format=torch.channels_last)
        for layer in player.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0, 0.02)
    make, judge = players
    adam_make, adam_judge = (
        torch.optim.Adam(player.parameters(), run.lr, betas=(0.5, 0.999)) for player in players
    )
    steps = run.images // run.batch
    stops = {max(1, round(steps * share)): share for share in PROGRESS}
    for step in range(1, steps + 1):
        chosen = pictures[rng.integers(len(pictures), size=run.batch)]
        real = torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            fake = make(torch.randn(run.batch, LATENT))
            on_real, on_fake = judge(real), judge(fake.detach())
        loss = losses(run.loss, on_real.float(), on_fake.float())
        adam_judge.zero_grad()
        loss.backward()
        adam_judge.step()
        with torch.autocast("cpu", torch.bfloat16):
            on_fake = judge(fake)
        loss = generator_loss(run.loss, on_fake.float())
        adam_make.zero_grad()
        loss.backward()
        adam_make.step()
        if step in stops:
            yield stops[step], sample(make, count)


@torch.no_grad()
@torch.autocast("cpu", torch.bfloat16)
def sample(make: nn.Module, count: int) -> np.ndarray:
    """(count, 64, 64, 3) uint8, batch norm with each batch's own statistics, as in training."""
    batches = [make(torch.randn(min(100, count - i), LATENT)) for i in range(0, count, 100)]
    images = torch.cat(batches).float().add(1).mul(127.5).round().to(torch.uint8)
    return images.permute(0, 2, 3, 1).contiguous().numpy()
