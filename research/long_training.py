"""A training of any length in one process, with several moving averages of its generator."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.common import devices, progress, torch_file
from pipeline.common.errors import InputError
from pipeline.config import content, params
from pipeline.config.schema import Params
from pipeline.data.dataset import Dataset
from pipeline.models.sampling import GeneratorInputs, draw_inputs
from pipeline.models.saved import GeneratorInfo
from pipeline.training.engine import precision, registry
from pipeline.training.engine.batches import Batches
from pipeline.training.engine.distributed import Distributed
from pipeline.training.engine.ema import MovingAverage
from pipeline.training.monitor.evaluation import STATISTICS_BATCH

_SHIPPED = Path(__file__).parents[1] / "params.yaml"
_CHECKPOINT_S = 240
_STATISTICS = 2_048  # inputs that batch norm's statistics are measured with


def parameters(changes: dict[str, Any]) -> Params:
    """Return the shipped parameters with changes, by key."""
    return params.parse(content.override(content.read(_SHIPPED), changes), where="research")


class LongTraining:
    """The steps of `pipeline.training.fit`, saved and continued whole.

    Attributes:
        folder: holds the checkpoint.
        images_seen: training images that the networks were shown.
        seconds: of the steps: the processor's on a CPU, the clock's on another device.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: Params,
        folder: Path,
        halflives: list[int],
        device: torch.device,
    ) -> None:
        """
        Args:
            folder: holds the checkpoint; the training continues from it if there is one.
            halflives: of the averages, in images; 0 is the generator as it is.
            device: where the networks are trained.

        Raises:
            InputError: the checkpoint lacks one of these averages.
        """
        self.images_seen = 0
        self.seconds = 0.0
        self._settings = settings
        self._dataset = dataset
        self._device = device
        self._now = time.process_time if device.type == "cpu" else time.perf_counter
        self.folder = folder
        self._checkpoint = folder / "checkpoint.pt"
        folder.mkdir(parents=True, exist_ok=True)
        model, train = settings.model, settings.train
        precision.make_reproducible(device, deterministic=train.deterministic)
        devices.keep_freed_memory()
        self._objective, _ = registry.build(
            dataset, model=model, train=train, device=device, distributed=Distributed()
        )
        generator = self._objective.generator
        self._averages = {halflife: MovingAverage(generator, halflife) for halflife in halflives}
        self._batches = Batches(
            dataset, seed=train.seed, flips=train.flips, latent_dim=model.latent_dim, device=device
        )
        if self._checkpoint.is_file():
            self._load(torch_file.load(self._checkpoint))

    def train_to(self, images: int) -> None:
        """Train until so many images were seen; save now and then, and at the end."""
        size = self._settings.train.batch_size
        saved = time.monotonic()
        while self.images_seen < images:
            started = self._now()
            self._objective.step(self._batches.at(self.images_seen, size), self.images_seen // size)
            self.images_seen += size
            for average in self._averages.values():
                average.update(size, self.images_seen)
            self.seconds += self._now() - started
            if time.monotonic() - saved > _CHECKPOINT_S:
                self._save()
                saved = time.monotonic()
                rate = self.images_seen / self.seconds
                progress.say(f"{self.images_seen:,} images, {rate:.0f} a second")
        self._save()

    @property
    def discriminator(self) -> nn.Module:
        """Return D as it is, of a GAN."""
        return self._objective.discriminator

    def finished_generator(self, halflife: int) -> nn.Module:
        """Return an average, ready for sampling, as `fit` does."""
        inputs = self.inputs("norm", _STATISTICS)
        return self._averages[halflife].collect(inputs, STATISTICS_BATCH)

    def inputs(self, stream: str, count: int) -> GeneratorInputs:
        """Return the first inputs of a stream of the generator."""
        return draw_inputs(
            self._settings.train.seed,
            stream,
            0,
            count,
            latent_dim=self._settings.model.latent_dim,
            class_counts=self._classes[1],
        )

    def info(self, images_seen: int) -> GeneratorInfo:
        """Return what the generator was after so many images."""
        model = self._settings.model
        names, counts = self._classes
        return GeneratorInfo(
            family=model.name,
            parameters=getattr(model, model.name).model_dump(mode="json"),
            latent_dim=model.latent_dim,
            shape=self._dataset.shape,
            class_names=names,
            class_counts=counts,
            images_seen=images_seen,
            fingerprint="",
        )

    @property
    def _classes(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        if not registry.is_conditional(self._settings.model):
            return (), ()
        return self._dataset.class_names, self._dataset.class_counts

    def _save(self) -> None:
        averages = {
            halflife: each.network.state_dict() for halflife, each in self._averages.items()
        }
        new = self._checkpoint.with_suffix(".new")
        torch_file.save(
            new,
            {
                "objective": self._objective.state_dict(),
                "averages": averages,
                "images_seen": self.images_seen,
                "seconds": self.seconds,
            },
        )
        new.replace(self._checkpoint)

    def _load(self, state: dict[str, Any]) -> None:
        self._objective.load_state_dict(state["objective"])
        if new := sorted(set(self._averages) - set(state["averages"])):
            raise InputError(
                f"{self._checkpoint}: has no averages of half-life {new}, which must be kept from "
                f"the first image on; name some of {sorted(state['averages'])}"
            )
        for halflife, weights in state["averages"].items():  # also those that nobody asks for now
            average = MovingAverage(self._objective.generator, halflife)
            average.network.load_state_dict(weights)
            self._averages[halflife] = average
        self.images_seen, self.seconds = state["images_seen"], state["seconds"]
        progress.say(f"continuing at {self.images_seen:,} images")
