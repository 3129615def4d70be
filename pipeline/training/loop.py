"""The training loop, read from top to bottom."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pipeline import files, progress, randomness
from pipeline.errors import InputError, PipelineError
from pipeline.models import build_discriminator, build_generator, initialise
from pipeline.models.sampling import sample
from pipeline.training import history, precision
from pipeline.training.batches import Pictures
from pipeline.training.draws import Dice
from pipeline.training.ema import MovingAverage
from pipeline.training.pictures import grid_png
from pipeline.training.steps import FIGURES, Players
from pipeline.training.stopping import Stopper

if TYPE_CHECKING:
    from pipeline.params import Model, Train
    from pipeline.paths import Paths
    from pipeline.training.checkpoint import Store

_GRID_SIDE = 8  # a grid shows 8 x 8 pictures
_NORM_IMAGES = 2048  # latents that measure the average's batch-norm statistics
_NORM_BATCH = 256
_SAY_SECONDS = 60.0  # where the output is no terminal
_SHOW_SECONDS = 1.0


class TrainingDiverged(PipelineError):
    """A loss or a gradient stopped being a number."""


@dataclass(frozen=True)
class Trained:
    """What `fit` hands back."""

    generator: torch.nn.Module  # the average, ready for sampling
    images_seen: int
    rows: list[dict[str, Any]]  # the history


def fit(
    crops: np.ndarray,
    *,
    model: Model,
    train: Train,
    device: torch.device,
    store: Store,
    paths: Paths,
) -> Trained:
    """Train until `train.images` real images were seen, from the newest checkpoint on.

    Args:
        crops: uint8 (N, side, side, 3).
        store: opened; holds this run's checkpoints.
        paths: history and grids are written there as training goes on.

    Raises:
        InputError: the batch is larger than the data.
        TrainingDiverged: a figure is not finite; the last good checkpoint is kept.
        SystemExit: after SIGINT or SIGTERM, once the checkpoint is written.
    """
    if train.batch_size > len(crops):
        raise InputError(
            f"train.batch_size = {train.batch_size}: larger than the data ({len(crops)} crops)"
        )

    # The players, their pictures and their dice.
    side_px = crops.shape[1]
    dtype = precision.pick(train.precision, device)
    make_reproducible(device)
    generator = build_generator(**model.model_dump(), side_px=side_px)
    discriminator = build_discriminator(name=model.name, side_px=side_px, channels=model.channels)
    for network, stream in ((generator, "weights of G"), (discriminator, "weights of D")):
        initialise(network, int(randomness.words(train.seed, stream, 0, 1, 1)[0, 0]))
        network.to(device, memory_format=torch.channels_last)
    players = Players(generator, discriminator, train=train, device=device, dtype=dtype)
    average = MovingAverage(generator, train.ema_halflife_images)
    pictures = Pictures(crops, device)
    dice = Dice(train, pictures=len(crops), latent_dim=model.latent_dim)
    fixed = randomness.normals(train.seed, "grid", 0, _GRID_SIDE**2, model.latent_dim)
    norm_latents = randomness.normals(train.seed, "norm", 0, _NORM_IMAGES, model.latent_dim)

    # Where we are: at the start, or where the newest checkpoint left off.
    images_seen, seconds = 0, 0.0
    rows: list[dict[str, Any]] = []
    grids: dict[int, Tensor] = {}  # images seen: bytes of a PNG
    recent: list[Tensor] = []  # FIGURES of the steps since the last row, on the device
    if (state := store.load()) is not None:
        players.load_state_dict(state["players"])
        average.average.load_state_dict(state["average"])
        images_seen, seconds = state["images_seen"], state["seconds"]
        rows, grids, recent = state["rows"], state["grids"], list(state["recent"].to(device))
        progress.say(f"continuing at {images_seen} images")
    for seen, png in grids.items():
        _write_grid(paths, seen, png)

    def save() -> None:
        _check(recent, images_seen, train)
        state = {
            "players": players.state_dict(),
            "average": average.average.state_dict(),
            "images_seen": images_seen,
            "seconds": seconds,
            "rows": rows,
            "grids": grids,
            "recent": torch.stack(recent).cpu() if recent else torch.empty(0, len(FIGURES)),
        }
        store.save(state, images_seen)

    def due(every: int) -> bool:
        """Whether the step that led to `images_seen` crossed a multiple of `every`."""
        return images_seen // every != (images_seen - train.batch_size) // every

    # Step by step. Nothing here waits for the device but what happens once an interval.
    stopper = Stopper(train.time_limit_hours)
    last = saved = shown = said = time.monotonic()
    bar = progress.bar(label="train", total=train.images, initial=min(images_seen, train.images))
    with stopper.listening(), bar:
        while images_seen < train.images:
            draws = dice.at(images_seen, train.batch_size)
            rows_, flips, real_targets, fake_targets, latents = (
                torch.from_numpy(values).to(device, non_blocking=True)
                for values in (
                    draws.rows,
                    draws.flips,
                    draws.real_targets,
                    draws.fake_targets,
                    draws.latents,
                )
            )
            real = pictures.batch(rows_, flips)
            recent.append(players.step(real, latents, real_targets, fake_targets))
            images_seen += train.batch_size
            average.update(train.batch_size, images_seen)

            if due(train.log_every_images):
                row = _row(recent, images_seen, train, device)
                now = time.monotonic()
                images_per_s = len(recent) * train.batch_size / max(now - last, 1e-9)
                seconds, last = seconds + now - last, now
                rows.append(row | {"seconds": seconds, "images_per_s": images_per_s})
                recent.clear()
                history.write(paths.history, rows)
            if due(train.sample_every_images):
                shot = sample(average.collect(norm_latents, _NORM_BATCH), fixed, device)
                grids[images_seen] = _as_tensor(grid_png(shot, _GRID_SIDE))
                _write_grid(paths, images_seen, grids[images_seen])

            now = time.monotonic()
            bar.update(train.batch_size)
            if rows and now - shown > _SHOW_SECONDS:
                shown = now
                bar.set_postfix_str(_short(rows[-1]), refresh=False)
            if rows and bar.disable and now - said > _SAY_SECONDS:
                said = now
                progress.say(f"{images_seen}/{train.images} images, {_short(rows[-1])}")
            if now - saved > train.checkpoint_minutes * 60:
                save()
                saved = time.monotonic()
            if stopper.signal is not None or stopper.out_of_time:
                break

    # The end, or as far as it came.
    seconds += time.monotonic() - last
    save()
    if stopper.signal is not None:
        progress.say(
            f"{stopper.signal.name}: stopped at {images_seen} of {train.images} images; the same "
            f"command continues from there"
        )
        raise SystemExit(128 + stopper.signal)
    if images_seen < train.images:
        progress.say(
            f"train.time_limit_hours = {train.time_limit_hours}: finished early, at {images_seen} "
            f"of {train.images} images; a longer limit continues from there"
        )
    if recent:  # the last stretch, too short for a row of its own were the run continued
        row = _row(recent, images_seen, train, device)
        rate = len(recent) * train.batch_size / max(time.monotonic() - last, 1e-9)
        rows = [*rows, row | {"seconds": seconds, "images_per_s": rate}]
    history.write(paths.history, rows)
    return Trained(average.collect(norm_latents, _NORM_BATCH), images_seen, rows)


def make_reproducible(device: torch.device) -> None:
    """Same bytes in two runs on the same machine."""
    torch.use_deterministic_algorithms(device.type == "cpu")


def _check(recent: list[Tensor], images_seen: int, train: Train) -> np.ndarray:
    """The recent steps' FIGURES as float64 (steps, 6); waits for the device.

    Raises:
        TrainingDiverged: one of them is not finite.
    """
    if not recent:
        return np.empty((0, len(FIGURES)))
    figures = torch.stack(recent).double().cpu().numpy()
    bad = ~np.isfinite(figures).all(axis=1)
    if bad.any():
        first = int(bad.argmax())
        at = images_seen - (len(recent) - first) * train.batch_size
        values = ", ".join(f"{k} {v:.4g}" for k, v in zip(FIGURES, figures[first], strict=True))
        before = ""
        if first:
            pairs = zip(FIGURES, figures[first - 1], strict=True)
            before = " (before: " + ", ".join(f"{k} {v:.4g}" for k, v in pairs) + ")"
        raise TrainingDiverged(
            f"training diverged in the step at {at} images: {values}{before}; the last good "
            f"checkpoint is kept. Lower train.lr_g and train.lr_d, or set train.precision: float32"
        )
    return figures


def _row(
    recent: list[Tensor], images_seen: int, train: Train, device: torch.device
) -> dict[str, Any]:
    means = _check(recent, images_seen, train).mean(axis=0)
    figures = {name: float(value) for name, value in zip(FIGURES, means, strict=True)}
    return history.row(images_seen=images_seen, memory_mb=_memory_mb(device), **figures)


def _memory_mb(device: torch.device) -> float:
    """The most memory held so far: the card's on CUDA, else the process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3  # bytes there, kilobytes here


def _short(row: dict[str, Any]) -> str:
    return (
        f"{row['images_per_s']:.0f} images/s, loss D {row['loss_d']:.3f}, G {row['loss_g']:.3f}, "
        f"D(x) {row['d_real']:.2f}, D(G(z)) {row['d_fake']:.2f}"
    )


def _write_grid(paths: Paths, images_seen: int, png: Tensor) -> None:
    files.write_bytes(paths.grids / f"{images_seen:09d}.png", png.numpy().tobytes())


def _as_tensor(content: bytes) -> Tensor:
    """Bytes as a tensor, so that a checkpoint holds nothing but tensors and plain values."""
    return torch.from_numpy(np.frombuffer(content, dtype=np.uint8).copy())
