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
from pipeline.training.monitor.metrics import TrainingDiverged
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


_HELD_OUT_BATCH = 250


_RETRY_RATE = 0.5  # of the rates before, after a divergence


@dataclass(frozen=True)
class Trained:
    """What `fit` returns.

    Attributes:
        generator: the average, ready for sampling.
        images_seen: training images that the networks were shown.
        kept_images_seen: where that average is from: train.keep.
        history: of the run.
        rows: of the history, with a last one that the checkpoint lacks.
        held_out: what the objective says of the generator on unseen images, by name; nothing in
            other processes than the main one.
    """

    generator: nn.Module
    images_seen: int
    kept_images_seen: int
    history: History
    rows: list[dict[str, Any]]
    held_out: dict[str, float]


def fit(
    dataset: Dataset,
    held_out: Dataset,
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
        held_out: images that training does not see, maybe none.
        distributed: the processes that share each batch; the main one alone writes and prints.
        checkpoints: opened by the main process; holds this run's.
        paths: history and grids are written there as training goes on.
        make_evaluator: makes what scores samples (`train.score_every_images`).

    Raises:
        TrainingDiverged: a metric is not finite, after the retry where there is to be one
            (`train.on_divergence`); the last good checkpoint is kept.
        OutOfMemory: with the batch that would fit.
        Collapsed: see `train.stop_on_collapse`.
        SystemExit: after SIGINT or SIGTERM, once the checkpoint is written.
    """
    # Networks, batches, and what is logged of them.
    precision.make_reproducible(device, deterministic=train.deterministic)
    devices.keep_freed_memory()
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
    is_new = not _resume(state, checkpoints, distributed)
    if is_new and distributed.is_main and (advice := objective.advice(train.images / len(dataset))):
        progress.say(advice)

    # Step by step. Nothing here waits for the device but what happens once an interval.
    stop = StopRequest(train.time_limit_hours)
    signal_number = 0
    saved = time.monotonic()
    with stop.listening(), monitor.watching():
        if is_new and train.on_divergence == "retry":
            _save(state, monitor, checkpoints, distributed)  # there is one to return to
        state.start_clock()
        (is_over,) = distributed.all_reduce_max(
            state.images_seen >= train.images or monitor.is_on_plateau
        )
        while not is_over:
            try:
                _step(state, batches, train=train, device=device, distributed=distributed)
                average.update(train.batch_size, state.images_seen)
                monitor.after_step()
                signal_number, is_over, is_save_due = distributed.all_reduce_max(
                    stop.signal or 0,
                    state.images_seen >= train.images
                    or bool(stop.signal or stop.out_of_time or monitor.is_on_plateau),
                    distributed.is_main
                    and time.monotonic() - saved > train.checkpoint_minutes * 60,
                )
                if is_over or is_save_due:
                    _save(state, monitor, checkpoints, distributed)
                    saved = time.monotonic()
            except TrainingDiverged as error:
                _return_to_checkpoint(error, state, monitor, checkpoints, train, distributed)
                is_over = False
        state.stop_clock()

    # The end, or as far as it came.
    if distributed.is_main and (signal_number or state.images_seen < train.images):
        progress.say(_why_early(state, train, signal_number, on_plateau=monitor.is_on_plateau))
    if signal_number:
        raise SystemExit(128 + signal_number)
    # A last row and a last grid of what is left; not in the checkpoint, which may go on.
    rows = [*state.history.rows, state.log_row()] if state.metrics.images else state.history.rows
    monitor.draw_last_grid()
    kept_images_seen = _keep(state, train)
    generator = monitor.finished_generator()
    seed = train.seed
    unseen = Batches(held_out, seed=seed, flips=False, latent_dim=model.latent_dim, device=device)
    measured = _held_out_metrics(objective, generator, unseen, len(held_out), distributed)
    return Trained(generator, state.images_seen, kept_images_seen, state.history, rows, measured)


def _resume(state: TrainingState, checkpoints: CheckpointFolder, distributed: Distributed) -> bool:
    """Continue from the newest checkpoint, and return whether there was one."""
    checkpoint = distributed.broadcast(checkpoints.load() if distributed.is_main else None)
    if checkpoint is None:
        return False
    state.load_state_dict(checkpoint)
    if distributed.is_main:
        progress.say(f"continuing at {state.images_seen} images")
    return True


def _keep(state: TrainingState, train: Train) -> int:
    """Leave in `state.average` what `train.keep` asks for; return how many images it had seen."""
    if train.keep == "last" or state.best is None:
        return state.images_seen
    state.average.network.load_state_dict(state.best["average"])
    return state.best["images_seen"]


def _held_out_metrics(
    objective: Objective,
    generator: nn.Module,
    batches: Batches,
    count: int,
    distributed: Distributed,
) -> dict[str, float]:
    """Return the means over `count` images, each taken once."""
    sums: dict[str, float] = {}
    for first in range(0, count if distributed.is_main else 0, _HELD_OUT_BATCH):
        size = min(_HELD_OUT_BATCH, count - first)
        for name, value in objective.held_out_metrics(generator, batches.at(first, size)).items():
            sums[name] = sums.get(name, 0.0) + size * float(value)
    return {name: value / count for name, value in sums.items()}


def _step(
    state: TrainingState,
    batches: Batches,
    *,
    train: Train,
    device: torch.device,
    distributed: Distributed,
) -> None:
    """Take the next step; see `fit` for what is raised where it does not fit into the memory."""
    objective = state.objective
    local_size = distributed.local_batch_size(train.batch_size)
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


def _return_to_checkpoint(
    error: TrainingDiverged,
    state: TrainingState,
    monitor: Monitor,
    checkpoints: CheckpointFolder,
    train: Train,
    distributed: Distributed,
) -> None:
    """Go back to the newest checkpoint and halve the rates, once in a run; raise `error` where that
    is not asked for, or was done already. All processes call it, since all see the same metrics."""
    if train.on_divergence != "retry" or state.objective.rate_factor < 1:
        raise error
    if not _resume(state, checkpoints, distributed):
        raise error
    state.objective.rate_factor *= _RETRY_RATE
    monitor.rewind()
    if distributed.is_main:
        progress.say(f"{error}; train.on_divergence: retry: with half the rate from there on")


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


def _why_early(state: TrainingState, train: Train, signal_number: int, *, on_plateau: bool) -> str:
    """Return why the run ended before `train.images`, and how it goes on."""
    seen = state.images_seen
    if signal_number:
        return (
            f"{signal.Signals(signal_number).name}: stopped at {seen} of {train.images} images; "
            f"the same command continues from there"
        )
    if on_plateau:
        return (
            f"train.stop_when: plateau: no better score for {train.patience_images} images, "
            f"finished early, at {seen} of {train.images} images"
        )
    return (
        f"train.time_limit_hours = {train.time_limit_hours}: finished early, at {seen} of "
        f"{train.images} images; a longer limit continues from there"
    )
