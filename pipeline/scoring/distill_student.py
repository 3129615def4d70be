"""Training of the embedded network: Inception's pooled features, regressed from 64x64 pictures."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.progress import say
from pipeline.scoring.embedded import DIMENSIONS, SIDE_PX, Network


@dataclass(frozen=True)
class Recipe:
    """How the network is trained."""

    epochs: int = 24
    batch: int = 128
    lr: float = 2e-3
    weight_decay: float = 0.02
    warmup_steps: int = 300
    ema_decay: float = 0.998
    shift_px: int = 1  # pictures are moved by up to this, which Inception hardly notices
    seed: int = 1


def _normed(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Student(nn.Module):
    """The network with batch norm, and a second head for Inception's deeper layer.

    The first head works in units of each feature's standard deviation: `scale` is folded into its
    weights in the end (a ReLU lets a positive factor through). The second is dropped.
    """

    def __init__(self, scale: Tensor, deeper: int) -> None:
        super().__init__()
        self.network = Network(_normed)
        self.deeper = nn.Linear(self.network.head.in_channels, deeper)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, 64, 64) -> features / scale (N, 768), deeper features (N, 1280)."""
        trunk = self.network.trunk(x)
        return self.network.pool(trunk), self.deeper(trunk.mean((2, 3)))

    def folded(self) -> Network:
        """The plain network, batch norm and scale folded into its convolutions."""
        plain = Network()
        for name, layer in self.network.named_modules():
            if isinstance(layer, nn.Sequential) and isinstance(layer[-1], nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(layer[0].eval(), layer[1].eval())
                plain.get_submodule(name).load_state_dict(fused.state_dict())
        head = self.network.head
        plain.head.weight.data = head.weight.data * self.scale[:, None, None, None]
        plain.head.bias.data = head.bias.data * self.scale
        return plain.eval()


def _loss(found: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Squared error, angle, and the batch's mean and covariance, which FID is made of.

    Args:
        found, wanted: (N, 768) in units of each feature's standard deviation.
        weights: (768,), that deviation relative to the mean one: FID and d see raw features.
    """
    error = found - wanted
    squared = 0.5 * error.square().mean() + 0.5 * (error * weights).square().mean()
    found, wanted = found * weights, wanted * weights
    angle = (1 - F.cosine_similarity(found, wanted)).mean()
    mean = (found.mean(0) - wanted.mean(0)).square().mean()
    covariance = covariance_gap(found, wanted)
    return squared + 4 * angle + 2 * mean + 0.2 * covariance


def covariance_gap(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared Frobenius distance of the two covariances, as a share of the wanted one's norm.

    |A'A - B'B|^2 = |AA'|^2 + |BB'|^2 - 2 |AB'|^2: products of N x N instead of 768 x 768.
    """
    found, wanted = found - found.mean(0), wanted - wanted.mean(0)
    norm = (wanted @ wanted.T).square().sum()
    gap = (found @ found.T).square().sum() + norm - 2 * (found @ wanted.T).square().sum()
    return gap / norm


def train(images: np.ndarray, targets: np.ndarray, recipe: Recipe) -> Network:
    """Regress `targets` from `images`.

    Args:
        images: (N, 64, 64, 3) uint8.
        targets: (N, 768 + more) float32, the features to learn, then the deeper ones.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    spread = torch.from_numpy(targets.std(0))
    scale, deeper_scale = spread[:DIMENSIONS], spread[DIMENSIONS:]
    average = torch.from_numpy(targets.mean(0))
    weights = scale / scale.square().mean().sqrt()

    student = Student(scale, len(deeper_scale)).to(memory_format=torch.channels_last)
    with torch.no_grad():  # start at the average picture, every ReLU open
        student.network.head.bias.copy_(average[:DIMENSIONS] / scale)
        student.network.head.weight.mul_(0.3)
    ema = AveragedModel(
        student, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
    )
    adam = torch.optim.AdamW(student.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * (len(images) // recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam,
        lambda step: (
            min(1, (step + 1) / recipe.warmup_steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
        ),
    )
    step, shown = 0, 0.0
    for epoch in range(recipe.epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(images) - recipe.batch + 1, recipe.batch):
            chosen = np.sort(order[start : start + recipe.batch])
            x = _batch(images[chosen], recipe.shift_px, rng)
            wanted = torch.from_numpy(targets[chosen])
            with torch.autocast("cpu", torch.bfloat16):
                found, deeper = student(x)
            loss = _loss(found.float(), wanted[:, :DIMENSIONS] / scale, weights)
            further = (wanted[:, DIMENSIONS:] - average[DIMENSIONS:]) / deeper_scale
            loss = loss + 0.2 * (deeper.float() - further).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            ema.update_parameters(student)
            step += 1
            shown = loss.item() if shown == 0 else 0.99 * shown + 0.01 * loss.item()
        say(f"epoch {epoch + 1} of {recipe.epochs}: loss {shown:.4f}")
    return ema.module.folded()


def _batch(images: np.ndarray, shift_px: int, rng: np.random.Generator) -> Tensor:
    """(N, 64, 64, 3) uint8 -> (N, 3, 64, 64) float32 in [-1, 1], channels-last, moved a little."""
    pad = ((0, 0), (shift_px, shift_px), (shift_px, shift_px), (0, 0))
    padded = np.pad(images, pad, mode="edge")
    moved = np.empty_like(images)
    for i, (y, x) in enumerate(rng.integers(0, 2 * shift_px + 1, (len(images), 2))):
        moved[i] = padded[i, y : y + SIDE_PX, x : x + SIDE_PX]
    return torch.from_numpy(moved).permute(0, 3, 1, 2).float().div(127.5).sub(1)
