"""Train the GAN on the crops, from the newest checkpoint of the same run if there is one."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from pipeline.common import devices, files, progress
from pipeline.models import of_generator, save_generator
from pipeline.models.sampling import latents, sample
from pipeline.training import fingerprint, stopping
from pipeline.training import fit as loop
from pipeline.training.checkpoint import Store
from pipeline.training.engine import batches, distributed
from pipeline.training.monitor import grids as pictures
from pipeline.training.monitor import history

if TYPE_CHECKING:
    from pipeline.common.paths import Paths
    from pipeline.config.schema import Model, Train

SECTIONS = ("device", "model", "train")


def run(paths: Paths, *, device: str, model: Model, train: Train) -> None:
    """Write the generator, its history, grids, samples and curves; in one process, or in several
    where `train.processes` says so or torchrun started them."""
    where = devices.pick(device)
    processes = distributed.wanted(train.processes, where)
    if processes > 1 and not distributed.inside():
        stopping.die_with_parent()
        progress.say(f"{processes} processes share each batch")
        distributed.launch(_train, (paths, where, model, train), processes)
    else:
        _train(paths, where, model, train)


def _train(paths: Paths, where: torch.device, model: Model, train: Train) -> None:
    """One process's part."""
    stopping.die_with_parent()
    with distributed.joined(where) as (team, mine), devices.cpu_threads(train.threads):
        crops = batches.load(paths.crops)
        # Before the store, which notes each run and forgets old ones.
        batches.require_fitting(train.batch_size, crops)
        team.share(train.batch_size)
        shaping = fingerprint.parts(model=model, train=train, crops=paths.crops)
        team.require_same(shaping | train.model_dump(mode="json"))
        store = Store(paths.checkpoints, shaping)
        if team.leads:
            progress.heading(
                "train",
                f"{model.name} on {len(crops)} crops of {crops.shape[1]} px, {train.images} "
                f"images in batches of {train.batch_size} on {where.type}, checkpoint "
                f"{store.fingerprint}",
            )
        with store.opened(fresh=train.fresh) if team.leads else nullcontext():
            trained = loop.fit(
                crops,
                model=model,
                train=train,
                device=mine,
                team=team,
                store=store,
                paths=paths,
            )
        if team.leads:
            described = of_generator(model, crops.shape[1])
            _write(paths, trained, described, train.seed, mine, store.fingerprint)


def _write(
    paths: Paths,
    trained: loop.Trained,
    model: dict[str, Any],
    seed: int,
    device: torch.device,
    run: str,
) -> None:
    with files.atomic(paths.generator) as temporary:
        save_generator(
            temporary,
            trained.generator.state_dict(),
            model=model,
            images_seen=trained.kept_images_seen,
            fingerprint=run,
        )
    inputs = latents(seed, 0, pictures.GRID_SIDE**2, model["latent_dim"])
    shot = sample(trained.generator, inputs, device)
    files.write_bytes(paths.samples, pictures.grid_png(shot, pictures.GRID_SIDE))
    history.write(paths.history, trained.rows)
    pictures.draw_curves(trained.rows, paths.curves)
    files.write_json(
        paths.training,
        {
            "images_seen": trained.images_seen,
            "kept_images_seen": trained.kept_images_seen,
            **history.summary(trained.rows),
            "torch": fingerprint.torch_version(),
        },
    )
