"""The training loop, read from top to bottom."""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pipeline.common import devices, progress
from pipeline.training import memory
from pipeline.training.engine import precision, registry
from pipeline.training.engine.batches import Batches
from pipeline.training.monitor.monitor import Monitor
from pipeline.training.state import TrainingState
from pipeline.training.stopping import StopRequest

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Model, Train
    from pipeline.data.dataset import Dataset
    from pipeline.training.checkpoint import CheckpointFolder
    from pipeline.training.engine.distributed import Distributed
    from pipeline.training.engine.objective import Objective
    from pipeline.training.monitor.evaluation import Evaluator
    from pipeline.training.monitor.history import History


@dataclass(frozen=True)
class Trained:
    """What `fit` returns.

    Attributes:
        generator: the average, ready for sampling.
        images_seen: training images that the networks were shown.
        kept_images_seen: where that average is from: train.keep.
        history: of the run.
        rows: of the history, with a last one that the checkpoint lacks.
    """

    generator: nn.Module
    images_seen: int
    kept_images_seen: int
    history: History
    rows: list[dict[str, Any]]


def fit(
    dataset: Dataset,
    *,
    model: Model,
    train: Train,
    device: torch.device,
    distributed: Distributed,
    checkpoints: CheckpointFolder,
    paths: Paths,
    make_evaluator: Callable[[], Evaluator],
) -> Trained:
    """Train until the networks were shown `train.images` images, from the newest checkpoint on.

    Args:
        distributed: the processes that share each batch; the main one alone writes and prints.
        checkpoints: opened by the main process; holds this run's.
        paths: history and grids are written there as training goes on.
        make_evaluator: makes what scores samples (`train.score_every_images`).

    Raises:
        TrainingDiverged: a metric is not finite; the last good checkpoint is kept.
        OutOfMemory: with the batch that would fit.
        Collapsed: see `train.stop_on_collapse`.
        SystemExit: after SIGINT or SIGTERM, once the checkpoint is written.
    """
    # Networks, batches, and what is logged of them.
    precision.make_reproducible(device, deterministic=train.deterministic)
    devices.keep_freed_memory()
    local_size = distributed.local_batch_size(train.batch_size)
    objective, average = registry.build(
        dataset, model=model, train=train, device=device, distributed=distributed
    )
    batches = Batches(
        dataset, seed=train.seed, flips=train.flips, latent_dim=model.latent_dim, device=device
    )
    state = TrainingState(objective, average, train=train, device=device, distributed=distributed)
    monitor = Monitor(
        state,
        dataset,
        train=train,
        latent_dim=model.latent_dim,
        class_counts=dataset.class_counts if registry.is_conditional(model) else (),
        device=device,
        distributed=distributed,
        paths=paths,
        make_evaluator=make_evaluator,
    )

    # At the start, or where the newest checkpoint left off.
    checkpoint = distributed.broadcast(checkpoints.load() if distributed.is_main else None)
    if checkpoint is not None:
        state.load_state_dict(checkpoint)
        if distributed.is_main:
            progress.say(f"continuing at {state.images_seen} images")
    elif distributed.is_main and (advice := objective.advice(train.images / len(dataset))):
        progress.say(advice)

    # Step by step. Nothing here waits for the device but what happens once an interval.
    stop = StopRequest(train.time_limit_hours)
    signal_number = out_of_time = 0
    saved = time.monotonic()
    with stop.listening(), monitor.watching():
        state.start_clock()
        while state.images_seen < train.images and not signal_number and not out_of_time:
            first = state.images_seen + distributed.rank * local_size
            try:
                batch = batches.at(first, local_size)
                state.metrics.add(objective.step(batch, state.images_seen // train.batch_size))
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                batch = None  # give its memory back
                try_step = functools.partial(_try_step, objective, batches, distributed)
                raise memory.explained(error, try_step, train.batch_size, device) from error
            state.images_seen += train.batch_size
            average.update(train.batch_size, state.images_seen)
            monitor.after_step()
            signal_number, out_of_time, is_save_due = distributed.all_reduce_max(
                stop.signal or 0,
                stop.out_of_time,
                distributed.is_main and time.monotonic() - saved > train.checkpoint_minutes * 60,
            )
            if is_save_due:
                _save(state, monitor, checkpoints, distributed)
                saved = time.monotonic()

        # The end, or as far as it came.
        state.stop_clock()
        _save(state, monitor, checkpoints, distributed)
    if distributed.is_main and (signal_number or state.images_seen < train.images):
        progress.say(_why_early(state, train, signal_number))
    if signal_number:
        raise SystemExit(128 + signal_number)
    # A last row and a last grid of what is left; not in the checkpoint, which may go on.
    rows = [*state.history.rows, state.log_row()] if state.metrics.images else state.history.rows
    monitor.draw_last_grid()
    kept_images_seen = state.images_seen
    if train.keep == "best" and state.best is not None:
        average.network.load_state_dict(state.best["average"])
        kept_images_seen = state.best["images_seen"]
    generator = monitor.finished_generator()
    return Trained(generator, state.images_seen, kept_images_seen, state.history, rows)


def _try_step(
    objective: Objective, batches: Batches, distributed: Distributed, batch_size: int
) -> None:
    """Take a step to see whether it fits into the memory; what it learns is thrown away."""
    objective.step(batches.at(0, max(1, batch_size // distributed.world_size)), 0)


def _save(
    state: TrainingState, monitor: Monitor, checkpoints: CheckpointFolder, distributed: Distributed
) -> None:
    """Write a checkpoint. All processes call it; the main one writes."""
    monitor.settle()
    content = state.state_dict()
    if distributed.is_main:
        checkpoints.save(content, state.images_seen)


def _why_early(state: TrainingState, train: Train, signal_number: int) -> str:
    """Return why the run ended before `train.images`, and how it goes on."""
    seen = state.images_seen
    if signal_number:
        return (
            f"{signal.Signals(signal_number).name}: stopped at {seen} of {train.images} images; "
            f"the same command continues from there"
        )
    return (
        f"train.time_limit_hours = {train.time_limit_hours}: finished early, at {seen} of "
        f"{train.images} images; a longer limit continues from there"
    )
