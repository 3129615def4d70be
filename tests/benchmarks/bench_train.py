"""Training's images a second against a plain tutorial loop, and where the time goes.

    python -m tests.benchmarks.bench_train              # --threads 1 on a machine that is shared
    python -m tests.benchmarks.bench_train --compile    # also ours with train.compile

The same networks, batch, optimisers and pictures in one run, a few steps of each by turns. The
plain loop is written as the DCGAN tutorial of pytorch.org would be: a DataLoader with transforms,
float32, the default layout, a loss with `.item()` each step. Ours does more: it also keeps the
moving average and the gradients' norms, smooths and swaps the labels.

Then, of ours: the seconds to the first step (with --compile, of compiling), the share of what a
large matrix product reaches on the device in the same run, and a profile of the step.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pipeline import params
from pipeline.devices import pick
from pipeline.models import build_discriminator, build_generator, initialise
from pipeline.training import precision
from pipeline.training.batches import Pictures
from pipeline.training.distributed import Team
from pipeline.training.draws import Dice
from pipeline.training.ema import MovingAverage
from pipeline.training.figures import Figures
from pipeline.training.steps import Players
from tests.benchmarks import anatomy
from tests.conftest import REPOSITORY

PICTURES = 2000
LATENT_DIM = 128


def networks(channels: int) -> tuple[nn.Module, nn.Module]:
    generator = build_generator(name="dcgan", side_px=64, latent_dim=LATENT_DIM, channels=channels)
    discriminator = build_discriminator(name="dcgan", side_px=64, channels=channels)
    for network in (generator, discriminator):
        initialise(network, 1)
    return generator, discriminator


class Photos(Dataset):
    """As torchvision.datasets.ImageFolder with RandomHorizontalFlip, ToTensor and Normalize would
    give them, without the decoding."""

    def __init__(self, crops: np.ndarray) -> None:
        self._crops = crops

    def __len__(self) -> int:
        return len(self._crops)

    def __getitem__(self, index: int) -> Tensor:
        image = torch.from_numpy(self._crops[index]).permute(2, 0, 1).float().div(255)
        if torch.rand(1) < 0.5:
            image = image.flip(2)
        return (image - 0.5) / 0.5


def tutorial(
    crops: np.ndarray, channels: int, batch_size: int, device: torch.device
) -> Iterator[None]:
    """One step each time it is asked."""
    generator, discriminator = (network.to(device) for network in networks(channels))
    loader = DataLoader(
        Photos(crops),
        batch_size,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
    )
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    losses = []
    while True:
        for photos in loader:
            real = photos.to(device)
            discriminator.zero_grad()
            label = torch.full((batch_size,), 1.0, device=device)
            output = discriminator(real)
            loss_real = criterion(output, label)
            loss_real.backward()
            d_x = output.sigmoid().mean().item()
            fake = generator(torch.randn(batch_size, LATENT_DIM, device=device))
            output = discriminator(fake.detach())
            loss_fake = criterion(output, label.fill_(0.0))
            loss_fake.backward()
            d_g_z1 = output.sigmoid().mean().item()
            optimizer_d.step()
            generator.zero_grad()
            output = discriminator(fake)
            loss_g = criterion(output, label.fill_(1.0))
            loss_g.backward()
            d_g_z2 = output.sigmoid().mean().item()
            optimizer_g.step()
            losses.append((loss_real.item() + loss_fake.item(), loss_g.item(), d_x, d_g_z1, d_g_z2))
            yield


def ours(
    crops: np.ndarray,
    channels: int,
    batch_size: int,
    device: torch.device,
    *,
    compiled: bool = False,
) -> Iterator[None]:
    """The steps of pipeline.training.loop."""
    content = params.read(REPOSITORY / "params.yaml")
    changes = {
        "train.batch_size": batch_size,
        "train.precision": "auto",
        "train.compile": compiled,
    }
    train = params.parse(params.override(content, changes), where="benchmark").train
    precision.make_reproducible(device, deterministic=False)
    generator, discriminator = networks(channels)
    for network in (generator, discriminator):
        network.to(device, memory_format=torch.channels_last)
    average = MovingAverage(generator, train.ema_halflife_images)
    players = Players(generator, discriminator, train=train, device=device, team=Team())
    pictures = Pictures(crops, device)
    dice = Dice(train, pictures=len(crops), latent_dim=LATENT_DIM)
    figures = Figures(Team(), device, batch_size)
    images_seen = 0
    while True:
        draws = dice.at(images_seen, batch_size)
        chosen, flips, real_targets, fake_targets, latents = draws.to(device)
        figures.add(
            players.step(pictures.batch(chosen, flips), latents, real_targets, fake_targets)
        )
        images_seen += batch_size
        average.update(batch_size, images_seen)
        if images_seen % 2000 < batch_size:
            figures.row(images_seen, 0.0, 1.0)
            figures.clear()
        yield


def seconds(step: Callable[[], None], steps: int, device: torch.device) -> tuple[float, float]:
    """Wall-clock and this process's processor seconds a step. The second is the one to trust on a
    machine that others use; it leaves out the tutorial's loader processes."""
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / steps, (time.process_time() - start_cpu) / steps


def compare(
    contestants: dict[str, Callable[[], None]],
    *,
    batch_size: int,
    rounds: int,
    steps: int,
    device: torch.device,
) -> None:
    """A few steps of each by turns; print rates and the ratios to the first."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, step in contestants.items():
            taken[name].append(seconds(step, steps, device))
    (first, base), *others = taken.items()
    for clock, what in enumerate(("wall clock", "processor")):
        line = f"  {what:10}  {first} {batch_size / median_of(base, clock):.0f} images/s"
        for name, mine in others:
            ratios = [a[clock] / b[clock] for a, b in zip(base, mine, strict=True)]
            line += (
                f"; {name} {batch_size / median_of(mine, clock):.0f}, ratio "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            )
        print(line, flush=True)


def median_of(pairs: list[tuple[float, float]], clock: int) -> float:
    return statistics.median(pair[clock] for pair in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--channels", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, help="of each a round; default 3, on CUDA 100")
    parser.add_argument("--compile", action="store_true", help="also ours with train.compile")
    options = parser.parse_args()
    device = pick(options.device)
    torch.set_num_threads(options.threads)
    steps = options.steps or (100 if device.type == "cuda" else 3)
    crops = np.random.default_rng(0).integers(0, 256, (PICTURES, 64, 64, 3), np.uint8)
    dtype = precision.pick("auto", device)
    peak = anatomy.peak_flops_per_s(device, dtype)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(
        f"{name}, {torch.get_num_threads()} threads of {os.cpu_count()}, ours in {dtype}, "
        f"batch {options.batch_size}, torch {torch.__version__}; a large product reaches "
        f"{peak / 1e12:.2f} TFLOP/s in {dtype}"
    )
    for channels in options.channels:
        print(f"{channels} channels, median of {options.rounds} rounds:")
        arguments = (crops, channels, options.batch_size, device)
        made = {"tutorial": tutorial(*arguments), "ours": ours(*arguments)}
        if options.compile:
            made["ours compiled"] = ours(*arguments, compiled=True)
        contestants = {name: partial(next, loop) for name, loop in made.items()}
        for name, step in contestants.items():
            start, _ = seconds(step, 1, device)
            print(f"  {name}: {start:.1f} s to the first step", flush=True)
            seconds(step, 5 if device.type == "cuda" else 1, device)  # graphs are recorded here
        compare(
            contestants,
            batch_size=options.batch_size,
            rounds=options.rounds,
            steps=steps,
            device=device,
        )
        work = anatomy.flops(contestants["ours"])
        for name in list(contestants)[1:]:
            step = contestants[name]
            wall = statistics.median(seconds(step, steps, device)[0] for _ in range(3))
            print(
                f"  {name}: {work / 1e9:.2f} GFLOP a step, {work / wall / 1e12:.3f} TFLOP/s, "
                f"{work / wall / peak:.1%} of that product's; a step's {wall * 1e3:.2f} ms:"
            )
            for group, milliseconds, share in anatomy.breakdown(step, steps, device):
                print(f"    {group:28} {milliseconds:8.2f} ms {share:6.1%}", flush=True)


if __name__ == "__main__":
    main()
