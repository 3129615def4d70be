"""Training's images a second against a plain tutorial loop, and where the time goes.

    python -m benchmarks.bench_train              # --cores 1 on a machine that is shared
    python -m benchmarks.bench_train --compile    # also ours with train.compile

The same networks, batch, optimisers and crops in one run, alternating every few seconds, in a
process of its own each, so that what ours sets for its process serves ours alone. The plain loop is
the DCGAN tutorial's of pytorch.org: ImageFolder (of 64 px crops as JPEG, the least that it could
have to decode) with its transforms, a DataLoader with two workers, float32, the default layout,
torch's own layers, `.item()` each step. Ours does more: it also flips crops, keeps the moving
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks import anatomy
from pipeline.common import cores, devices
from pipeline.config import content, params
from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from pipeline.models import dcgan
from pipeline.models.family import NetworkSize
from pipeline.training import threads
from pipeline.training.engine import precision, registry
from pipeline.training.engine.batches import Batches
from pipeline.training.engine.distributed import Distributed
from pipeline.training.monitor.metrics import MetricBuffer
from tests.conftest import REPOSITORY

CROPS = 2000
LATENT_DIM = 128
SHAPE = ImageShape(64, 3)


def networks(channels: int) -> list[nn.Module]:
    """Return generator and discriminator."""
    parameters = dcgan.Parameters(channels=channels, minibatch_stddev=False, conditional=False)
    made = dcgan.build(parameters, NetworkSize(LATENT_DIM, SHAPE, 0))
    for network in made.values():
        dcgan.initialise(network, 1)
    return [made["generator"], made["discriminator"]]


def make_crops() -> np.ndarray:
    """Return (CROPS, 64, 64, 3) uint8: blocks with a little noise, as JPEG of a photo's size."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (CROPS, 8, 8, 3)).repeat(8, 1).repeat(8, 2)
    return np.clip(blocks + rng.normal(0, 8, (CROPS, 64, 64, 3)), 0, 255).astype(np.uint8)


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
    """Return the network with torch's own convolutions in place of the project's quicker ones."""
    for layer in network.modules():
        for kind in (nn.Conv2d, nn.ConvTranspose2d):
            if isinstance(layer, kind) and type(layer) is not kind:
                layer.__class__ = kind
    return network


def tutorial(
    crops: np.ndarray, channels: int, batch_size: int, device: torch.device
) -> Iterator[None]:
    """Take one step of the tutorial each time it is asked."""
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
    **train_changes: Any,
) -> Iterator[None]:
    """Take one step of pipeline.training.fit each time it is asked."""
    changes = {
        "model.latent_dim": LATENT_DIM,
        "model.dcgan.channels": channels,
        "model.dcgan.minibatch_stddev": False,  # not in the tutorial
        "train.adversarial.r1": 0.0,  # nor this
        "train.batch_size": batch_size,
        "train.compile": compiled,
        **{f"train.{name}": value for name, value in train_changes.items()},
    }
    shipped = content.read(REPOSITORY / "params.yaml")
    settings = params.parse(content.override(shipped, changes), where="benchmark")
    train = settings.train
    precision.make_reproducible(device, deterministic=False)
    devices.keep_freed_memory()
    dataset = Dataset(crops, np.zeros(len(crops), np.int64), ("dog",), SHAPE)
    if device.type == "cpu":
        torch.set_num_threads(threads.count(dataset, model=settings.model, train=train))
    one_process = Distributed()
    objective, average = registry.build(
        dataset, model=settings.model, train=train, device=device, distributed=one_process
    )
    batches = Batches(
        dataset, seed=train.seed, flips=train.flips, latent_dim=LATENT_DIM, device=device
    )
    metrics = MetricBuffer(
        objective.metrics, batch_size=batch_size, device=device, distributed=one_process
    )
    images_seen = 0
    while True:
        metrics.add(objective.step(batches.at(images_seen, batch_size), images_seen // batch_size))
        images_seen += batch_size
        average.update(batch_size, images_seen)
        if images_seen % 2000 < batch_size:
            metrics.means(images_seen)
            metrics.clear()
        yield


class LoopProcess:
    """A training loop in a process of its own, which steps when it is asked to."""

    def __init__(
        self,
        name: str,
        channels: int,
        batch_size: int,
        device: str,
        usable: int,
        **train_changes: Any,
    ) -> None:
        """
        Args:
            name: tutorial | ours | ours compiled.
            usable: CPU cores that it may use.
            train_changes: keys of `train` that differ from params.yaml, for ours.
        """
        self._pipe, theirs = multiprocessing.Pipe()
        settings = (theirs, name, channels, batch_size, device, usable, train_changes)
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=settings)
        self._process.start()

    def seconds(self, steps: int) -> tuple[float, float]:
        """Return wall-clock and the process's processor seconds a step. The second is the one to
        trust on a machine that others use; it leaves out the tutorial's loader processes."""
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
    pipe: Connection,
    name: str,
    channels: int,
    batch_size: int,
    kind: str,
    usable: int,
    train_changes: dict[str, Any],
) -> None:
    device = torch.device(kind)
    crops = make_crops()

    def loop(count: int) -> Callable[[], None]:
        os.environ["OMP_NUM_THREADS"] = str(count)  # what `cores.usable` says
        torch.set_num_threads(count)
        if name == "tutorial":
            return partial(next, tutorial(crops, channels, batch_size, device))
        is_compiled = name == "ours compiled"
        made = ours(crops, channels, batch_size, device, compiled=is_compiled, **train_changes)
        return partial(next, made)

    step = loop(usable)
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
            pipe.send(anatomy.flops(loop(1)))  # a thread beside would not be counted
        elif what == "breakdown":
            pipe.send(anatomy.breakdown(loop(1), steps, device))
        else:
            return


def compare(loops: dict[str, LoopProcess], *, batch_size: int, rounds: int, steps: int) -> None:
    """Take a few steps of each in alternation; print rates and the ratios to the first."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            taken[name].append(loop.seconds(steps))
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
    parser.add_argument("--cores", type=int, default=cores.usable())
    parser.add_argument("--precision", default="auto", help="train.precision of ours")
    parser.add_argument("--threads", default="auto", help="train.threads of ours")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, help="of each a round; default: 2 seconds of ours")
    parser.add_argument("--compile", action="store_true", help="also ours with train.compile")
    options = parser.parse_args()
    device = devices.pick(options.device)
    torch.set_num_threads(options.cores)
    dtype = precision.pick(options.precision, device)
    peak = anatomy.peak_flops_per_s(device, dtype)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(
        f"{name}, {options.cores} cores of {os.cpu_count()}, ours in {dtype}, "
        f"batch {options.batch_size}, torch {torch.__version__}; a large product reaches "
        f"{peak / 1e12:.2f} TFLOP/s in {dtype}"
    )
    names = ["tutorial", "ours", *(["ours compiled"] if options.compile else [])]
    for channels in options.channels:
        with ExitStack() as stack:
            print(f"{channels} channels, median of {options.rounds} rounds:")
            loops = {}
            for name in names:
                loop = LoopProcess(
                    name, channels, options.batch_size, device.type, options.cores,
                    precision=options.precision,
                    threads=options.threads if options.threads == "auto" else int(options.threads),
                )  # fmt: skip
                loops[name] = stack.enter_context(closing(loop))
                start, _ = loop.seconds(1)
                print(f"  {name}: {start:.1f} s to the first step", flush=True)
                loop.seconds(5)  # on CUDA graphs are recorded here
            steps = options.steps or max(3, round(2 / loops["ours"].seconds(3)[0]))
            compare(loops, batch_size=options.batch_size, rounds=options.rounds, steps=steps)
            work = loops["ours"].flops()
            for name in names[1:]:
                wall = statistics.median(loops[name].seconds(steps)[0] for _ in range(3))
                print(
                    f"  {name}: {work / 1e9:.2f} GFLOP a step, {work / wall / 1e12:.3f} TFLOP/s, "
                    f"{work / wall / peak:.1%} of that product's; a step's {wall * 1e3:.2f} ms:"
                )
                # A profile of many steps takes minutes to sum up: on a GPU a step is 1,000 kernels.
                for group, milliseconds, share in loops[name].breakdown(min(steps, 20)):
                    print(f"    {group:28} {milliseconds:8.2f} ms {share:6.1%}", flush=True)


if __name__ == "__main__":
    main()
