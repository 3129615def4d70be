"""The training objectives, by the names that families give (`Family.OBJECTIVE`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pipeline.common import randomness
from pipeline.common.errors import InputError
from pipeline.models.family import NetworkSize
from pipeline.models.registry import FAMILIES
from pipeline.training.engine.adversarial import AdversarialObjective
from pipeline.training.engine.ema import MovingAverage
from pipeline.training.engine.variational import VariationalObjective

if TYPE_CHECKING:
    from pipeline.config.schema import Model, Train
    from pipeline.data.dataset import Dataset
    from pipeline.training.engine.distributed import Distributed
    from pipeline.training.engine.objective import Objective

OBJECTIVES: dict[str, type[Objective]] = {
    "adversarial": AdversarialObjective,
    "variational": VariationalObjective,
}


def is_conditional(model: Model) -> bool:
    """Return whether the networks of this model are told the class of an image."""
    return FAMILIES[model.name].is_conditional(getattr(model, model.name))


def require(dataset: Dataset, *, model: Model, train: Train) -> None:
    """Check that a model can be trained on a data set.

    Raises:
        InputError: the family cannot make images of this shape, or needs classes and there are
            none, or a batch is larger than the data.
    """
    FAMILIES[model.name].require(getattr(model, model.name), dataset.shape)
    if is_conditional(model) and len(dataset.class_names) < 2:
        raise InputError(
            f"model.{model.name}: its networks are told the class of each image, and all crops are "
            f"of one class; take data with classes, or networks that are told none"
        )
    if train.batch_size > len(dataset):
        raise InputError(
            f"train.batch_size = {train.batch_size}: larger than the data ({len(dataset)} crops)"
        )


def build(
    dataset: Dataset, *, model: Model, train: Train, device: torch.device, distributed: Distributed
) -> tuple[Objective, MovingAverage]:
    """Return the objective of the family that `model.name` names, its networks with initial weights
    drawn from the seed, and the moving average of its generator; see `require`."""
    family = FAMILIES[model.name]
    conditional = is_conditional(model)
    classes = len(dataset.class_names) if conditional else 0
    size = NetworkSize(model.latent_dim, dataset.shape, classes)
    networks = family.build(getattr(model, model.name), size)
    kind = OBJECTIVES[family.OBJECTIVE]
    for name, stream in kind.weight_streams.items():
        seed = int(randomness.words(train.seed, stream, 0, 1, 1)[0, 0])
        family.initialise(networks[name], seed)
        networks[name].to(device, memory_format=torch.channels_last)
    # The average first: one process alone runs it, and the objective has batch norm wait for all.
    average = MovingAverage(networks["generator"], train.ema_halflife_images)
    objective = kind(
        networks, train=train, device=device, distributed=distributed, conditional=conditional
    )
    return objective, average
