"""Stage `train`: train the model on the crops, from the newest checkpoint of the same run if there
is one."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from pipeline.common import devices, files, process, progress
from pipeline.data import held_out
from pipeline.data.dataset import Dataset
from pipeline.models import saved
from pipeline.models.saved import GeneratorInfo, SavedGenerator
from pipeline.training import fingerprint, threads
from pipeline.training.checkpoint import CheckpointFolder
from pipeline.training.engine import distributed as processes
from pipeline.training.engine import registry
from pipeline.training.fit import Trained, fit
from pipeline.training.monitor.curves import draw_curves
from pipeline.training.monitor.evaluation import SAMPLES, Evaluator
from pipeline.training.monitor.monitor import GRID_COLUMNS, grid_png
from pipeline.training.monitor.plateau import stopping_point

if TYPE_CHECKING:
    import numpy as np

    from pipeline.common.paths import Paths
    from pipeline.config.schema import Model, Train

SECTIONS = ("device", "model", "train")


def run(paths: Paths, *, device: str, model: Model, train: Train) -> None:
    """Write the generator, its history, grids, samples and curves; in one process, or in several
    where `train.processes` says so or torchrun started them.

    Raises:
        InputError: the crops are missing, too few, or of a shape that the family cannot make.
        PipelineError: as `fit`.
    """
    where = devices.pick(device)
    count = processes.process_count(train.processes, where)
    if count > 1 and not processes.is_launched():
        progress.say(f"{count} processes share each batch")
        processes.launch(_train, (paths, where, model, train), count)
    else:
        _train(paths, where, model, train)


def _train(paths: Paths, where: torch.device, model: Model, train: Train) -> None:
    """Train, as one of the processes."""
    process.die_with_parent()  # one of several has a launcher for its parent
    with processes.process_group(where) as (group, device), devices.cpu_threads():
        dataset = Dataset.load(paths.crops, paths.index)
        # Before the checkpoint's folder is opened, which notes each run and forgets old ones.
        registry.require(dataset, model=model, train=train)
        if train.threads != "auto" or device.type == "cpu":
            # From here on a number: it shapes the weights' rounding, so it names the run. Beside a
            # GPU it shapes nothing, and `auto` leaves torch its choice.
            chosen = group.broadcast(threads.count(dataset, model=model, train=train))
            train = train.model_copy(update={"threads": chosen})
            torch.set_num_threads(chosen)
        group.local_batch_size(train.batch_size)
        shaping = fingerprint.parts(model=model, train=train, dataset=dataset, crops=paths.crops)
        fingerprint.require_same(shaping | train.model_dump(mode="json"), group)
        checkpoints = CheckpointFolder(paths.checkpoints, shaping)
        if group.is_main:
            progress.heading(
                "train",
                f"{model.name} on {len(dataset)} crops of {dataset.shape}, {train.images} images "
                f"in batches of {train.batch_size} on {where.type}, checkpoint "
                f"{checkpoints.fingerprint}",
            )
        with checkpoints.opened(fresh=train.fresh) if group.is_main else nullcontext():
            trained = fit(
                dataset,
                held_out.load(paths.held_out, dataset),
                model=model,
                train=train,
                device=device,
                distributed=group,
                checkpoints=checkpoints,
                paths=paths,
                make_evaluator=functools.partial(
                    _make_evaluator, dataset.images, train.seed, device.type
                ),
            )
        if group.is_main:
            conditional = registry.is_conditional(model)
            info = GeneratorInfo(
                family=model.name,
                parameters=getattr(model, model.name).model_dump(mode="json"),
                latent_dim=model.latent_dim,
                shape=dataset.shape,
                class_names=dataset.class_names if conditional else (),
                class_counts=dataset.class_counts if conditional else (),
                images_seen=trained.kept_images_seen,
                fingerprint=checkpoints.fingerprint,
            )
            _write(paths, trained, info, train.seed, device)


def _make_evaluator(crops: np.ndarray, seed: int, device: str) -> Evaluator:
    # Late: a Kaggle kernel trains without the feature network and without safetensors.
    from pipeline.scoring.sample_evaluator import SampleEvaluator

    return SampleEvaluator(crops, count=SAMPLES, seed=seed, device=device)


def _write(
    paths: Paths, trained: Trained, info: GeneratorInfo, seed: int, device: torch.device
) -> None:
    with files.atomic(paths.generator) as temporary:
        saved.save(temporary, trained.generator.state_dict(), info)
    generator = SavedGenerator(info, trained.generator, device)
    files.write_bytes(paths.samples, grid_png(generator.sample(seed, GRID_COLUMNS**2)))
    history, rows = trained.history, trained.rows
    history.write(paths.history, rows)
    history.write_curves(paths.curves_csv, rows)
    summary = history.summary(rows)
    if advice := stopping_point(summary):
        progress.say(advice)
    draw_curves(paths.curves, history.metrics, rows)
    files.write_json(
        paths.training,
        {
            "images_seen": trained.images_seen,
            "kept_images_seen": trained.kept_images_seen,
            **summary,
            **{f"held_out_{name}": round(value, 6) for name, value in trained.held_out.items()},
            "torch": fingerprint.torch_version(),
        },
    )
