"""The training loop, read from top to bottom."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.common import devices, files, progress, randomness
from pipeline.common.errors import PipelineError
from pipeline.models import (
    build_discriminator,
    build_generator,
    initialise,
    of_discriminator,
    of_generator,
)
from pipeline.models.sampling import sample
from pipeline.training import memory
from pipeline.training.engine import precision
from pipeline.training.engine.adversarial import Players
from pipeline.training.engine.batches import Pictures
from pipeline.training.engine.draws import Dice
from pipeline.training.engine.ema import MovingAverage
from pipeline.training.monitor import evaluation as watch
from pipeline.training.monitor import history
from pipeline.training.monitor.grids import GRID_SIDE, grid_png
from pipeline.training.monitor.metrics import Figures, short
from pipeline.training.stopping import Stopper

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Model, Train
    from pipeline.training.checkpoint import Store
    from pipeline.training.engine.distributed import Team

_NORM_IMAGES = 2048  # latents that measure the average's batch-norm statistics
_LOOK_IMAGES = 256  # ... where it is only looked at: they are off by a per cent, invisibly
_SAY_SECONDS = 60.0  # where the output is no terminal
_SHOW_SECONDS = 1.0


class Collapsed(PipelineError):
    """The game is over, and train.stop_on_collapse says to stop then."""


@dataclass(frozen=True)
class Trained:
    """What `fit` hands back."""

    generator: nn.Module  # the average, ready for sampling
    images_seen: int
    kept_images_seen: int  # where that average is from: train.keep
    rows: list[dict[str, Any]]  # the history


def fit(
    crops: np.ndarray,
    *,
    model: Model,
    train: Train,
    device: torch.device,
    team: Team,
    store: Store,
    paths: Paths,
) -> Trained:
    """Train until `train.images` real images were seen, from the newest checkpoint on.

    Args:
        crops: uint8 (N, side, side, 3).
        team: the processes that share each batch; the leader alone writes and speaks.
        store: opened by the leader; holds this run's checkpoints.
        paths: history and grids are written there as training goes on.

    Raises:
        TrainingDiverged: a figure is not finite; the last good checkpoint is kept.
        OutOfMemory: with the batch that would fit.
        Collapsed: see `train.stop_on_collapse`.
        SystemExit: after SIGINT or SIGTERM, once the checkpoint is written.
    """
    # The players, their pictures and their dice.
    share = team.share(train.batch_size)
    side_px = crops.shape[1]
    precision.make_reproducible(device, deterministic=train.deterministic)
    devices.keep_freed_memory()
    generator = build_generator(**of_generator(model, side_px))
    discriminator = build_discriminator(**of_discriminator(model, side_px))
    for network, stream in ((generator, "weights of G"), (discriminator, "weights of D")):
        initialise(network, int(randomness.words(train.seed, stream, 0, 1, 1)[0, 0]))
        network.to(device, memory_format=torch.channels_last)
    average = MovingAverage(generator, train.ema_halflife_images)
    players = Players(generator, discriminator, train=train, device=device, team=team)
    pictures = Pictures(crops, device)
    dice = Dice(train, pictures=len(crops), latent_dim=model.latent_dim)
    figures = Figures(team, device, train.batch_size)
    fixed = randomness.normals(train.seed, "grid", 0, GRID_SIDE**2, model.latent_dim)
    norm_latents = randomness.normals(train.seed, "norm", 0, _NORM_IMAGES, model.latent_dim)
    scores = watch.Scores(crops, seed=train.seed, norm_latents=norm_latents, device=device)
    some_crops = crops[randomness.permutation(train.seed, "grid", 0, len(crops))[: len(fixed)]]

    # Where we are: at the start, or where the newest checkpoint left off.
    images_seen, seconds = 0, 0.0
    rows: list[dict[str, Any]] = []
    grids: dict[int, Tensor] = {}  # images seen: bytes of a PNG
    if (state := team.from_leader(store.load() if team.leads else None)) is not None:
        players.load_state_dict(state["players"])
        average.average.load_state_dict(state["average"])
        figures.load_state(state["figures"])
        images_seen, seconds = state["images_seen"], state["seconds"]
        rows, grids, scores.best = state["rows"], state["grids"], state["best"]
        if team.leads:
            progress.say(f"continuing at {images_seen} images")
    if team.leads:
        for stale in paths.grids.glob("*.png"):  # of another run; DVC clears them, `all` does not
            stale.unlink()
        for seen, png in grids.items():
            _write_grid(paths, seen, png)

    def save() -> None:
        scores.settle()
        state = {
            "players": players.state_dict(),
            "average": average.average.state_dict(),
            "figures": figures.state(images_seen),
            "images_seen": images_seen,
            "seconds": seconds,
            "rows": rows,
            "grids": grids,
            "best": scores.best,
        }
        if team.leads:
            store.save(state, images_seen)

    def attempt(batch_size: int) -> None:
        """A step to see whether it fits into the memory; what it learns is thrown away."""
        size = max(1, batch_size // team.size)
        rows, flips, real_targets, fake_targets, latents = dice.at(0, size).to(device)
        real = pictures.batch(rows, flips)
        players.step(real, latents, real_targets, fake_targets, number=0)

    def look() -> np.ndarray:
        """The average's pictures of the fixed latents."""
        generator = average.collect(norm_latents[:_LOOK_IMAGES], watch.NORM_BATCH)
        return sample(generator, fixed, device)

    def due(every: int) -> bool:
        """Whether the step that led to `images_seen` crossed a multiple of `every`."""
        return every > 0 and images_seen // every != (images_seen - train.batch_size) // every

    # Step by step. Nothing here waits for the device but what happens once an interval.
    stopper = Stopper(train.time_limit_hours)
    last = saved = shown = said = time.monotonic()
    warned = False
    signal_number = out_of_time = 0
    bar = progress.bar(label="train", total=train.images, initial=min(images_seen, train.images))
    with stopper.listening(), bar:
        while images_seen < train.images and not signal_number and not out_of_time:
            draws = dice.at(images_seen + team.rank * share, share)
            chosen, flips, real_targets, fake_targets, latents = draws.to(device)
            try:
                real = pictures.batch(chosen, flips)
                number = images_seen // train.batch_size
                figures.add(players.step(real, latents, real_targets, fake_targets, number=number))
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                real = None
                raise memory.explained(error, attempt, train.batch_size, device) from error
            images_seen += train.batch_size
            average.update(train.batch_size, images_seen)

            if due(train.log_every_images):
                now = time.monotonic()
                lasted, last = now - last, now
                seconds += lasted
                rows.append(figures.row(images_seen, seconds, lasted))
                figures.clear()
            if due(train.score_every_images) and team.leads:
                scores.begin(average.average, rows[-1] if rows else {}, images_seen)
            if due(train.log_every_images) and team.leads:
                scores.settle(wait=False)
                history.write(paths.history, rows)
            if due(train.sample_every_images) and team.leads:
                shot = look()
                grids[images_seen] = _as_tensor(grid_png(shot, GRID_SIDE))
                _write_grid(paths, images_seen, grids[images_seen])
                end = watch.collapse(shot, some_crops, rows, images_seen)
                if end and train.stop_on_collapse:
                    raise Collapsed(f"at {images_seen} images: {end} (train.stop_on_collapse)")
                if end and not warned:
                    progress.say(f"warning: at {images_seen} images: {end}")
                    warned = True

            now = time.monotonic()
            if team.leads:
                bar.update(train.batch_size)
                if rows and now - shown > _SHOW_SECONDS:
                    shown = now
                    bar.set_postfix_str(short(rows[-1]), refresh=False)
                if rows and bar.disable and now - said > _SAY_SECONDS:
                    said = now
                    left = (train.images - images_seen) / rows[-1]["images_per_s"]
                    progress.say(
                        f"{images_seen}/{train.images} images, {short(rows[-1])}, "
                        f"{left / 60:.0f} min left"
                    )
            signal_number, out_of_time, save_now = team.highest(
                stopper.signal or 0,
                stopper.out_of_time,
                team.leads and now - saved > train.checkpoint_minutes * 60,
            )
            if save_now:
                save()
                saved = time.monotonic()

        # The end, or as far as it came.
        lasted = time.monotonic() - last
        seconds += lasted
        save()
        if signal_number:
            if team.leads:
                progress.say(
                    f"{_name(signal_number)}: stopped at {images_seen} of {train.images} images; "
                    f"the same command continues from there"
                )
            raise SystemExit(128 + signal_number)
    if images_seen < train.images and team.leads:
        progress.say(
            f"train.time_limit_hours = {train.time_limit_hours}: finished early, at {images_seen} "
            f"of {train.images} images; a longer limit continues from there"
        )
    # A last row and a last grid of what is left; not in the checkpoint, which may go on.
    if figures.images:
        rows = [*rows, figures.row(images_seen, seconds, lasted)]
    if images_seen not in grids and team.leads:
        _write_grid(paths, images_seen, _as_tensor(grid_png(look(), GRID_SIDE)))
    kept_images_seen = images_seen
    if train.keep == "best" and scores.best is not None:
        average.average.load_state_dict(scores.best["average"])
        kept_images_seen = scores.best["images_seen"]
    generator = average.collect(norm_latents, watch.NORM_BATCH)
    return Trained(generator, images_seen, kept_images_seen, rows)


def _name(number: int) -> str:
    return signal.Signals(number).name


def _as_tensor(content: bytes) -> Tensor:
    """Bytes as a tensor, so that a checkpoint holds nothing but tensors and plain values."""
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _write_grid(paths: Paths, images_seen: int, png: Tensor) -> None:
    files.write_bytes(paths.grids / f"{images_seen:09d}.png", png.numpy().tobytes())
