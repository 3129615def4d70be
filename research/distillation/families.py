"""Generators of this project's own families, trained step for step as the pipeline does."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.config.schema import Params
from pipeline.data.dataset import Dataset
from pipeline.images.shape import ImageShape
from pipeline.models.sampling import decode
from research.distillation.data import SIDE_PX
from research.distillation.gans import PROGRESS
from research.long_training import LongTraining, parameters

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class FamilyRun:
    """One training.

    Attributes:
        images: real images shown in all.
        changes: of params.yaml, by key; the classes of the images are not told.
        trained_on: "crops" or "photos".
    """

    images: int
    changes: dict[str, Any] = field(default_factory=dict)
    trained_on: str = "crops"

    @property
    def settings(self) -> Params:
        """Return all parameters of the training: the shipped ones with the changes."""
        return parameters(self.changes)


# What the embedded network is trained on,
TRAINING_RUNS = {
    "dcgan-16": FamilyRun(320_000, {"model.dcgan.channels": 16, "train.batch_size": 16}),
    "dcgan-24": FamilyRun(100_000, {"train.seed": 2}, "photos"),
    "resnet-12": FamilyRun(
        48_000,
        {"model.name": "resnet", "model.resnet.channels": 12, "model.resnet.conditional": False,
         "train.batch_size": 16},
    ),
}  # fmt: skip
# and what is held out: other losses and widths, on breeds that it never saw.
HELD_OUT_RUNS = {
    "dcgan-hinge": FamilyRun(
        120_000,
        {"model.dcgan.channels": 20, "model.dcgan.minibatch_stddev": False, "train.seed": 3,
         "train.batch_size": 16, "train.adversarial.loss": "hinge",
         "train.adversarial.augment": ["colour", "translation"]},
    ),
    "resnet-attention": FamilyRun(
        32_000,
        {"model.name": "resnet", "model.resnet.channels": 8, "model.resnet.conditional": False,
         "model.resnet.attention": True, "train.seed": 3, "train.batch_size": 8},
        "photos",
    ),
}  # fmt: skip


def train_and_sample(
    run: FamilyRun, images: np.ndarray, count: int
) -> Iterator[tuple[float, np.ndarray]]:
    """Train a generator; yield (progress, samples of its moving average) at each of `PROGRESS`.

    Args:
        images: (N, 64, 64, 3) uint8.
        count: number of samples each time, (count, 64, 64, 3) uint8.
    """
    settings = run.settings
    halflife = int(settings.train.ema_halflife_images)
    labels = np.zeros(len(images), np.int64)
    dataset = Dataset(images, labels, ("dog",), ImageShape(SIDE_PX, 3))
    with tempfile.TemporaryDirectory() as folder:
        training = LongTraining(dataset, settings, Path(folder), [halflife], _CPU)
        for share in PROGRESS:
            training.train_to(round(share * run.images))
            generator = training.finished_generator(halflife)
            yield share, decode(generator, training.inputs("samples", count), _CPU)
