"""Training's images a second against a plain tutorial loop, and where the time goes.

    python -m benchmarks.bench_train              # --threads 1 on a machine that is shared
    python -m benchmarks.bench_train --compile    # also ours with train.compile

The same networks, batch, optimisers and pictures in one run, by turns of a few seconds, in a
process of its own each, so that what ours sets for its process serves ours alone. The plain loop is
the DCGAN tutorial's of pytorch.org: ImageFolder (of 64 px crops as JPEG, the least that it could
have to decode) with its transforms, a DataLoader with two workers, float32, the default layout,
torch's own layers, `.item()` each step. Ours does more: it also flips pictures, keeps the moving
average and the gradients' norms, smooths and swaps the labels.

Then, of ours: the seconds to the first step (with --compile, of compiling), the share of what a
large matrix product reaches on the device in the same run, and a profile of the step.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pipeline.training.engine.draws import Dice
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks import anatomy
from pipeline.common import devices
from pipeline.config import params
from pipeline.models import build_discriminator, build_generator, initialise
from pipeline.training.engine import precision
from pipeline.training.engine.adversarial import Players
from pipeline.training.engine.batches import Pictures
from pipeline.training.engine.distributed import Team
from pipeline.training.engine.ema import MovingAverage
from pipeline.training.monitor.metrics import Figures
from tests.conftest import REPOSITORY

PICTURES = 2000
LATENT_DIM = 128


def networks(channels: int) -> tuple[nn.Module, nn.Module]:
    generator = build_generator(name="dcgan", side_px=64, latent_dim=LATENT_DIM, channels=channels)
    discriminator = build_discriminator(name="dcgan", side_px=64, channels=channels)
    for network in (generator, discriminator):
        initialise(network, 1)
    return generator, discriminator


def pictures() -> np.ndarray:
    """(PICTURES, 64, 64, 3) uint8: soft blots with a little noise, as JPEG of a photo's size."""
    rng = np.random.default_rng(0)
    blots = rng.integers(0, 256, (PICTURES, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    return np.clip(blots + rng.normal(0, 8, (PICTURES, 64, 64, 3)), 0, 255).astype(np.uint8)


def image_folder(crops: np.ndarray, folder: Path) -> ImageFolder:
    (folder / "dogs").mkdir()
    for number, crop in enumerate(crops):
        Image.fromarray(crop).save(folder / "dogs" / f"{number}.jpg", quality=95)
    steps = [
        transforms.Resize(64),
        transforms.CenterCrop(64),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ]
    return ImageFolder(str(folder), transforms.Compose(steps))


def torchs_layers(network: nn.Module) -> nn.Module:
    """The network with torch's own convolutions in place of the project's quicker ones."""
    for layer in network.modules():
        for kind in (nn.Conv2d, nn.ConvTranspose2d):
            if isinstance(layer, kind) and type(layer) is not kind:
                layer.__class__ = kind
    return network


def tutorial(
    crops: np.ndarray, channels: int, batch_size: int, device: torch.device
) -> Iterator[None]:
    """One step each time it is asked."""
    generator, discriminator = (torchs_layers(n).to(device) for n in networks(channels))
    folder = tempfile.TemporaryDirectory()
    loader = DataLoader(
        image_folder(crops, Path(folder.name)),
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
        for photos, _ in loader:
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
    """The steps of pipeline.training.fit."""
    content = params.read(REPOSITORY / "params.yaml")
    changes = {
        "train.batch_size": batch_size,
        "train.r1": 0.0,  # not in the tutorial
        "train.precision": "auto",
        "train.compile": compiled,
    }
    train = params.parse(params.override(content, changes), where="benchmark").train
    precision.make_reproducible(device, deterministic=False)
    devices.keep_freed_memory()
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
        real = pictures.batch(chosen, flips)
        figures.add(players.step(real, latents, real_targets, fake_targets, number=0))
        images_seen += batch_size
        average.update(batch_size, images_seen)
        if images_seen % 2000 < batch_size:
            figures.row(images_seen, 0.0, 1.0)
            figures.clear()
        yield


class Contestant:
    """A training loop in a process of its own, which steps when it is asked to."""

    def __init__(self, name: str, channels: int, batch_size: int, device: str, threads: int):
        self._pipe, theirs = multiprocessing.Pipe()
        settings = (theirs, name, channels, batch_size, device, threads)
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=settings)
        self._process.start()

    def seconds(self, steps: int) -> tuple[float, float]:
        """Wall-clock and the process's processor seconds a step. The second is the one to trust
        on a machine that others use; it leaves out the tutorial's loader processes."""
        return self._ask("seconds", steps)

    def flops(self) -> int:
        return self._ask("flops", 1)

    def breakdown(self, steps: int) -> list[tuple[str, float, float]]:
        return self._ask("breakdown", steps)

    def close(self) -> None:
        self._pipe.send(("end", 0))
        self._process.join()

    def _ask(self, what: str, steps: int) -> Any:
        self._pipe.send((what, steps))
        return self._pipe.recv()


def _serve(
    pipe: Connection, name: str, channels: int, batch_size: int, kind: str, threads: int
) -> None:
    torch.set_num_threads(threads)
    device = torch.device(kind)
    crops = pictures()
    if name == "tutorial":
        loop = tutorial(crops, channels, batch_size, device)
    else:
        loop = ours(crops, channels, batch_size, device, compiled=name == "ours compiled")
    step = partial(next, loop)
    while True:
        what, steps = pipe.recv()
        if what == "seconds":
            start, start_cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                step()
            anatomy.wait(device)
            wall, processor = time.perf_counter() - start, time.process_time() - start_cpu
            pipe.send((wall / steps, processor / steps))
        elif what == "flops":
            pipe.send(anatomy.flops(step))
        elif what == "breakdown":
            pipe.send(anatomy.breakdown(step, steps, device))
        else:
            return


def compare(
    contestants: dict[str, Contestant], *, batch_size: int, rounds: int, steps: int
) -> None:
    """A few steps of each by turns; print rates and the ratios to the first."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            taken[name].append(contestant.seconds(steps))
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
    parser.add_argument("--steps", type=int, help="of each a round; default: 2 seconds of ours")
    parser.add_argument("--compile", action="store_true", help="also ours with train.compile")
    options = parser.parse_args()
    device = devices.pick(options.device)
    torch.set_num_threads(options.threads)
    dtype = precision.pick("auto", device)
    peak = anatomy.peak_flops_per_s(device, dtype)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(
        f"{name}, {torch.get_num_threads()} threads of {os.cpu_count()}, ours in {dtype}, "
        f"batch {options.batch_size}, torch {torch.__version__}; a large product reaches "
        f"{peak / 1e12:.2f} TFLOP/s in {dtype}"
    )
    names = ["tutorial", "ours", *(["ours compiled"] if options.compile else [])]
    for channels in options.channels:
        with ExitStack() as stack:
            print(f"{channels} channels, median of {options.rounds} rounds:")
            contestants = {}
            for name in names:
                contestant = Contestant(
                    name, channels, options.batch_size, device.type, options.threads
                )
                contestants[name] = stack.enter_context(closing(contestant))
                start, _ = contestant.seconds(1)
                print(f"  {name}: {start:.1f} s to the first step", flush=True)
                contestant.seconds(5)  # on CUDA graphs are recorded here
            steps = options.steps or max(3, round(2 / contestants["ours"].seconds(3)[0]))
            compare(contestants, batch_size=options.batch_size, rounds=options.rounds, steps=steps)
            work = contestants["ours"].flops()
            for name in names[1:]:
                wall = statistics.median(contestants[name].seconds(steps)[0] for _ in range(3))
                print(
                    f"  {name}: {work / 1e9:.2f} GFLOP a step, {work / wall / 1e12:.3f} TFLOP/s, "
                    f"{work / wall / peak:.1%} of that product's; a step's {wall * 1e3:.2f} ms:"
                )
                for group, milliseconds, share in contestants[name].breakdown(steps):
                    print(f"    {group:28} {milliseconds:8.2f} ms {share:6.1%}", flush=True)


if __name__ == "__main__":
    main()
