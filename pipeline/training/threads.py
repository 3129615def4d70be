"""How many CPU threads each part of a training step computes with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.common import cores
from pipeline.models.family import NetworkSize
from pipeline.models.registry import FAMILIES
from pipeline.training.engine import registry

if TYPE_CHECKING:
    from pipeline.config.schema import Model, Train
    from pipeline.data.dataset import Dataset

# Of the generator's forward pass of a batch, which is about a tenth of a step. With bfloat16 on two
# cores a second thread gave 1.44 times the speed at 140 million for each, and nothing at 70
# (benchmarks.bench_threads: 24 and 16 channels at 64 px, batches of 8).
_FLOPS_A_THREAD = 100e6


def count(dataset: Dataset, *, model: Model, train: Train) -> int:
    """Return how many threads `train.threads` means on this machine, for each of its processes.

    Where it is `auto`: half of the process's usable cores, and not more than the generator's work
    on a batch keeps busy. The two sides of a GAN's loss then take all cores between them
    (`engine.beside`); a VAE leaves the other half free, since threads that wait for each other in
    every product lose more beside busy programs than they give. The same on each machine of a type,
    since sums over several threads are rounded in another order.
    """
    if train.threads != "auto":
        return train.threads
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes, by a launcher
    useful = round(_generator_flops(dataset, model) * train.batch_size / here / _FLOPS_A_THREAD)
    return max(1, min(cores.usable() // 2, useful))


def _generator_flops(dataset: Dataset, model: Model) -> int:
    """Return the floating-point operations of the generator's forward pass for an image."""
    family = FAMILIES[model.name]
    parameters = getattr(model, model.name)
    classes = len(dataset.class_names) if registry.is_conditional(model) else 0
    images = 2  # batch norm wants more than one
    networks = family.build(parameters, NetworkSize(model.latent_dim, dataset.shape, classes))
    latents = torch.zeros(images, model.latent_dim)
    labels = torch.zeros(images, dtype=torch.int64) if classes else None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        networks["generator"](latents, labels)
    return counter.get_total_flops() // images
