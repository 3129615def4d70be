"""Train the GAN on the crops, from the newest checkpoint of the same run if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import devices, files, progress
from pipeline.models import save_generator
from pipeline.models.sampling import latents, sample
from pipeline.training import batches, fingerprint, loop, pictures, stopping
from pipeline.training.checkpoint import Store

if TYPE_CHECKING:
    from pipeline.params import Model, Train
    from pipeline.paths import Paths

SECTIONS = ("device", "model", "train")
_GRID_SIDE = 8


def run(paths: Paths, *, device: str, model: Model, train: Train) -> None:
    """Write the generator, its history, grids, samples and curves."""
    stopping.die_with_parent()
    where = devices.pick(device)
    crops = batches.load(paths.crops)
    store = Store(paths.checkpoints, fingerprint.parts(model=model, train=train, crops=paths.crops))
    progress.heading(
        "train",
        f"{model.name} on {len(crops)} crops of {crops.shape[1]} px, {train.images} images "
        f"in batches of {train.batch_size} on {where.type}, checkpoint {store.fingerprint}",
    )
    with store.opened(fresh=train.fresh):
        trained = loop.fit(crops, model=model, train=train, device=where, store=store, paths=paths)
    arguments = model.model_dump() | {"side_px": crops.shape[1]}
    with files.atomic(paths.generator) as temporary:
        save_generator(
            temporary,
            trained.generator.state_dict(),
            model=arguments,
            images_seen=trained.images_seen,
            fingerprint=store.fingerprint,
        )
    # The first pictures that `generate` draws with the same seed as training.
    inputs = latents(train.seed, 0, _GRID_SIDE**2, model.latent_dim)
    shot = sample(trained.generator, inputs, where)
    files.write_bytes(paths.samples, pictures.grid_png(shot, _GRID_SIDE))
    pictures.draw_curves(trained.rows, paths.curves)
    last = trained.rows[-1] if trained.rows else {}
    kept = ("loss_d", "loss_g", "d_real", "d_fake")
    files.write_json(
        paths.training,
        {
            "images_seen": trained.images_seen,
            "torch": fingerprint.torch_version(),
            **{name: round(last[name], 6) for name in kept if name in last},
        },
    )
