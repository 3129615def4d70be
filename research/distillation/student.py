"""Training of the embedded network: it regresses Inception's pooled features from images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.common.progress import say
from pipeline.scoring.extractors.embedded import CHANNELS, DIMENSIONS, SIDE_PX, Network


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        epochs: passes over all images.
        batch: images a step.
        lr, weight_decay: of AdamW; the rate rises over `warmup_steps`, then falls as a cosine.
        ema_decay: of the weights' moving average, each step.
        shift_px: images are moved by up to so much, and half of them mirrored: Inception's features
            hardly change.
        seed: of the initial weights, the order and the moves.
    """

    epochs: int = 10
    batch: int = 128
    lr: float = 2.5e-3
    weight_decay: float = 0.02
    warmup_steps: int = 150
    ema_decay: float = 0.998
    shift_px: int = 1
    seed: int = 1


def _normed(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Student(nn.Module):
    """The network with batch norm, and two heads that only training needs.

    `head` gives Inception's features, as means of ReLUs as they are there, in units of their
    standard deviations; `deeper` gives those of Inception's deeper layer.
    """

    def __init__(self, dimensions: int, deeper: int) -> None:
        super().__init__()
        self.network = Network(_normed)
        self.head = nn.Conv2d(CHANNELS[-1], dimensions, 1)
        self.deeper = nn.Linear(CHANNELS[-1], deeper)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return both heads' outputs: (N, 3, 64, 64) -> (N, 768), (N, 1280)."""
        last = self.network.levels(x)[-1]
        return F.relu(self.head(last)).mean((2, 3)), self.deeper(last.mean((2, 3)))


def folded(network: Network) -> Network:
    """Return the network with batch norm folded into the convolutions, and weights rounded to half
    precision, as they are stored."""
    plain = Network()
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Sequential) and isinstance(layer[-1], nn.BatchNorm2d):
            fused = fuse_conv_bn_eval(layer[0].eval(), layer[1].eval())
            plain.get_submodule(name).load_state_dict(fused.half().state_dict())
    return plain.eval()


def start_from(student: Student, network: Network, images: np.ndarray) -> None:
    """Set the student's weights so that it computes what a folded network does.

    The opposite of `folded`.

    Args:
        images: (N, 64, 64, 3) uint8, a few hundred for the batch norms' first statistics.
    """
    hooks = []
    for name, layer in student.network.named_modules():
        if not (isinstance(layer, nn.Sequential) and isinstance(layer[-1], nn.BatchNorm2d)):
            continue
        plain = network.get_submodule(name)
        layer[0].weight.data.copy_(plain.weight)

        def undo(norm: nn.Module, inputs: tuple[Tensor], bias: Tensor = plain.bias) -> None:
            mean, variance = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), unbiased=False)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.data.copy_((variance + norm.eps).sqrt())
            norm.bias.data.copy_(mean + bias)

        hooks.append(layer[-1].register_forward_pre_hook(undo))
    student.eval()
    with torch.no_grad():
        student(_tensor(images))
    for hook in hooks:
        hook.remove()
    student.train()


def fit_readout(
    network: Network,
    images: np.ndarray,
    targets: np.ndarray,
    photos: int,
    groups: Sequence[slice] = (),
    *,
    ridge: float = 10.0,
    group_weight: float = 300.0,
) -> None:
    """Set the last layer to the weighted ridge regression of `targets` on the channel means.

    As in training, images far from every photo count for less. The mean of a group is a row of its
    own: FID depends on the means of sets, whose errors are small beside those of single images.

    Args:
        images: (N, 64, 64, 3) uint8; the first `photos` are clean photos.
        targets: (N, 768) float32.
        groups: rows of the samples of one generator at one time.
        ridge: the penalty, for inputs of unit deviation over the photos.
        group_weight: how many times more a group's mean counts than its images do.
    """
    with torch.inference_mode():
        means = [
            network.means(_tensor(images[start : start + 256]))
            for start in range(0, len(images), 256)
        ]
    inputs, outputs = torch.cat(means).double(), torch.from_numpy(targets).double()
    centre, spread = inputs[:photos].mean(0), inputs[:photos].std(0) + 1e-3
    average = outputs[:photos].mean(0)
    inputs, outputs = (inputs - centre) / spread, outputs - average
    weights = torch.ones(len(inputs), dtype=torch.float64)
    if groups:
        inputs, outputs = (
            torch.cat([rows, torch.stack([rows[group].mean(0) for group in groups])])
            for rows in (inputs, outputs)
        )
        sizes = torch.tensor([group.stop - group.start for group in groups])
        weights = torch.cat([weights, group_weight * sizes.double()])
    far = outputs.square().sum(1)
    weighted = inputs * (weights / (1 + far / far[:photos].mean()))[:, None]
    gram = weighted.T @ inputs + ridge * torch.eye(inputs.shape[1], dtype=torch.float64)
    solution = torch.linalg.solve(gram, weighted.T @ outputs) / spread[:, None]
    network.readout.weight.data = solution.T.float()
    network.readout.bias.data = (average - centre @ solution).float()


def _loss(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Return the squared error relative to how far an image is from the average photo, plus 1 - cos
    of the angle.

    Without the division, noise and flat colours, far from every photo, would outweigh all others.

    Args:
        predicted, target: (N, D), minus the average photo, in units of the photos' deviation.
        weights: (D,), that deviation relative to its mean: FID and d see raw features.
    """
    squares = (predicted - target).square() * (1 + weights.square()) / 2
    far = target.square().mean(1)
    angle = 1 - F.cosine_similarity(predicted * weights, target * weights)
    return (squares.mean(1) / (1 + far) + angle).mean()


def train(
    images: np.ndarray,
    targets: np.ndarray,
    photos: int,
    recipe: Recipe,
    start: Network | None = None,
) -> Network:
    """Return a network trained to regress `targets` from `images`; its last layer is left to
    `fit_readout`.

    Args:
        images: (N, 64, 64, 3) uint8.
        targets: (N, 768 + more) float32, the features to learn, then the deeper ones.
        photos: the first so many are clean photos.
        start: a network to start from; None: from random weights.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    average = torch.from_numpy(targets[:photos].mean(0))
    spread = torch.from_numpy(targets[:photos].std(0))
    spread = (
        spread.square() + (0.3 * spread.mean()).square()
    ).sqrt()  # rare features do not count more
    scale, deeper_scale = spread[:DIMENSIONS], spread[DIMENSIONS:]
    centre, deeper_centre = average[:DIMENSIONS] / scale, average[DIMENSIONS:]
    weights = scale / scale.square().mean().sqrt()

    student = Student(DIMENSIONS, len(deeper_scale)).to(memory_format=torch.channels_last)
    with torch.no_grad():  # start at the average photo, every ReLU active
        student.head.bias.copy_(centre)
        student.head.weight.mul_(0.3)
    if start is not None:
        start_from(student, start, images[rng.permutation(len(images))[:512]])
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
    step, running_loss = 0, 0.0
    for epoch in range(recipe.epochs):
        order = rng.permutation(len(images))
        for first in range(0, len(images) - recipe.batch + 1, recipe.batch):
            chosen = np.sort(order[first : first + recipe.batch])
            x = _tensor(_moved(images[chosen], recipe.shift_px, rng))
            target = torch.from_numpy(targets[chosen])
            with torch.autocast("cpu", torch.bfloat16):
                predicted, deeper = student(x)
            features = target[:, :DIMENSIONS] / scale - centre
            loss = _loss(predicted.float() - centre, features, weights)
            further = (target[:, DIMENSIONS:] - deeper_centre) / deeper_scale
            loss = loss + 0.3 * _loss(deeper.float(), further, torch.ones_like(deeper_scale))
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            ema.update_parameters(student)
            step += 1
            value = loss.item()
            running_loss = value if step == 1 else 0.99 * running_loss + 0.01 * value
        say(f"epoch {epoch + 1} of {recipe.epochs}: loss {running_loss:.4f}")
    return folded(ema.module.network)


def _moved(images: np.ndarray, shift_px: int, rng: np.random.Generator) -> np.ndarray:
    """Return each image moved by up to `shift_px`, its border repeated; half of them mirrored."""
    pad = ((0, 0), (shift_px, shift_px), (shift_px, shift_px), (0, 0))
    padded = np.pad(images, pad, mode="edge")
    moved = np.empty_like(images)
    for i, (y, x) in enumerate(rng.integers(0, 2 * shift_px + 1, (len(images), 2))):
        moved[i] = padded[i, y : y + SIDE_PX, x : x + SIDE_PX]
    mirrored = rng.random(len(images)) < 0.5
    moved[mirrored] = moved[mirrored, :, ::-1]
    return moved


def _tensor(images: np.ndarray) -> Tensor:
    """Return images, (N, 64, 64, 3) uint8, as (N, 3, 64, 64) float32 in [-1, 1], channels-last."""
    return torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float().div(127.5).sub(1)
