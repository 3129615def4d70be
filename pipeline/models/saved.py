"""The file of a finished generator, and what everything that makes images from it uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.common import torch_file
from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.models import sampling, walk
from pipeline.models.family import NetworkSize
from pipeline.models.registry import FAMILIES

# What a file of torch's that holds no generator of ours leads to.
_NO_GENERATOR = (RuntimeError, LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class GeneratorInfo:
    """What a generator is.

    Attributes:
        family: name in the registry of families.
        parameters: the family's sub-section of `model`, as plain values.
        latent_dim: length of its latents.
        shape: of its images.
        class_names: what `label` chooses from; empty where the generator is told no class.
        class_counts: training images of each of these classes.
        images_seen: training images shown before these weights.
        fingerprint: of the training.
    """

    family: str
    parameters: dict[str, Any]
    latent_dim: int
    shape: ImageShape
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    images_seen: int
    fingerprint: str

    def build(self) -> nn.Module:
        """Return the generator with torch's initial weights."""
        family = FAMILIES[self.family]
        size = NetworkSize(self.latent_dim, self.shape, len(self.class_names))
        return family.build(family.Parameters.model_validate(self.parameters), size)["generator"]

    def to_plain(self) -> dict[str, Any]:
        """Return what `from_plain` takes: numbers, texts, lists and mappings."""
        return {
            "family": self.family,
            "parameters": self.parameters,
            "latent_dim": self.latent_dim,
            "side_px": self.shape.side_px,
            "channels": self.shape.channels,
            "class_names": list(self.class_names),
            "class_counts": list(self.class_counts),
            "images_seen": self.images_seen,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> GeneratorInfo:
        """Return what `to_plain` gave.

        Raises:
            LookupError, TypeError: it is something else.
        """
        return cls(
            family=plain["family"],
            parameters=plain["parameters"],
            latent_dim=plain["latent_dim"],
            shape=ImageShape(plain["side_px"], plain["channels"]),
            class_names=tuple(plain["class_names"]),
            class_counts=tuple(plain["class_counts"]),
            images_seen=plain["images_seen"],
            fingerprint=plain["fingerprint"],
        )


def save(path: Path, state: dict[str, Tensor], info: GeneratorInfo) -> None:
    """Write what `SavedGenerator.load` reads."""
    content = info.to_plain() | {
        "state_dict": {name: tensor.cpu() for name, tensor in state.items()}
    }
    torch_file.save(path, content)


class SavedGenerator:
    """A finished generator, ready for sampling.

    Attributes:
        info: what it is.
        network: the generator itself, in evaluation mode.
    """

    def __init__(self, info: GeneratorInfo, network: nn.Module, device: torch.device) -> None:
        self.info = info
        self.network = network.eval().requires_grad_(False)
        self.network.to(device, memory_format=torch.channels_last)
        self._device = device

    @classmethod
    def load(cls, path: Path, device: torch.device) -> SavedGenerator:
        """Return the generator of a finished training.

        Raises:
            InputError: there is no such file, or it is no generator of ours.
        """
        if not path.is_file():
            raise InputError(
                f"{path}: no generator here; train one first (python -m pipeline train)"
            )
        try:
            content = torch_file.load(path)
            info = GeneratorInfo.from_plain(content)
            network = info.build()
            network.load_state_dict(content["state_dict"])
        except torch_file.DamagedFile as error:
            raise InputError(
                f"{path}: not a generator, or damaged ({error}); run the train stage again, or see "
                f"`python -m pipeline verify`"
            ) from None
        except _NO_GENERATOR as error:
            reason = (str(error).strip() or type(error).__name__).split("\n")[0]
            raise InputError(
                f"{path}: not a generator that this code can read ({reason})"
            ) from None
        return cls(info, network, device)

    def sample(
        self,
        seed: int,
        count: int,
        *,
        first: int = 0,
        label: str | None = None,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Return the images first..first+count-1 of a seed: uint8 (count, side, side, channels).

        Args:
            label: name of the class to draw; None draws the classes in the data's shares.
            truncation: see `sampling.draw_inputs`.

        Raises:
            InputError: there is no such class.
        """
        inputs = self._inputs(seed, first, count, truncation)
        labels = inputs.labels if label is None else np.full(count, self._row(label), np.int64)
        return self.decode(inputs.latents, labels)

    def classes(self, seed: int, count: int) -> np.ndarray:
        """Return the names of the classes that `sample` draws the first `count` images of a seed
        from, str (count,); (0,) where the generator is told no class."""
        labels = self._inputs(seed, 0, count, truncation=None).labels
        if labels is None:
            return np.empty(0, np.str_)
        return np.array(self.info.class_names, np.str_)[labels]

    def walk(
        self, seed: int, stops: int, steps: int, *, first: int = 0, closed: bool = False
    ) -> np.ndarray:
        """Return the images on great circles through the latents of the samples
        first..first+stops-1 of a seed, in `steps` steps from one to the next: see `walk.walk`.

        A generator that is told classes keeps to that of the first of these samples.
        """
        inputs = self._inputs(seed, first, stops, truncation=None)
        points = walk.walk(inputs.latents, steps, closed=closed)
        labels = None if inputs.labels is None else np.repeat(inputs.labels[:1], len(points))
        return self.decode(points, labels)

    def walk_classes(self, seed: int, labels: list[str], steps: int) -> np.ndarray:
        """Return the images of one latent, that of the first sample of a seed, from class to class
        and back to the first, in `steps` steps from one to the next: see `walk.class_shares`.

        Raises:
            InputError: there is no such class.
        """
        rows = [self._row(label) for label in labels]
        shares = walk.class_shares(rows, steps, classes=len(self.info.class_names))
        latent = self._inputs(seed, 0, 1, truncation=None).latents
        return self.decode(latent.repeat(len(shares), axis=0), shares)

    def of_each_class(self, seed: int, count: int, *, classes: int) -> np.ndarray:
        """Return the latents of the first `count` samples of a seed as images of each of the first
        `classes` classes: uint8 (classes * count, side, side, channels), a row a class."""
        latents = self._inputs(seed, 0, count, truncation=None).latents
        labels = np.arange(classes).repeat(count)
        return self.decode(np.tile(latents, (classes, 1)), labels)

    def plane(self, side: int) -> np.ndarray:
        """Return side x side images of a generator with two latents, row by row: see `walk.plane`.
        One that is told classes makes all of them of the first."""
        points = walk.plane(side)
        labels = np.zeros(len(points), np.int64) if self.info.class_names else None
        return self.decode(points, labels)

    @property
    def has_encoder(self) -> bool:
        """Return whether the generator can `reconstruct` images."""
        return hasattr(self.network, "encoder")

    @torch.inference_mode()
    def reconstruct(self, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return the images of the latents that the encoder finds most likely for images, both
        uint8 (N, side, side, channels).

        Args:
            labels: rows of the class names, int64 (N,), where the generator is told classes.
        """
        batch = arrays.to_signed(torch.from_numpy(np.array(images)).to(self._device))
        told = None
        if labels is not None and self.info.class_names:
            told = torch.from_numpy(labels).to(self._device)
        mean, _ = self.network.encoder(batch, told)
        return self.decode(mean.cpu().numpy(), None if told is None else labels)

    def decode(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return the images of latents, (N, latent_dim) float32: uint8 (N, side, side, channels).

        `labels` are rows of the class names, int64 (N,), or shares of them, float32 (N, classes),
        where the generator is told classes.
        """
        inputs = sampling.GeneratorInputs(latents, labels)
        return sampling.decode(self.network, inputs, self._device)

    def _row(self, label: str) -> int:
        """Return the row of a class.

        Raises:
            InputError: there is no such class.
        """
        names = self.info.class_names
        if label not in names:
            known = ", ".join(names) or "none: it is told no class"
            raise InputError(f"label {label!r}: no class of this generator ({known})")
        return names.index(label)

    def _inputs(
        self, seed: int, first: int, count: int, truncation: float | None
    ) -> sampling.GeneratorInputs:
        return sampling.draw_inputs(
            seed,
            "samples",
            first,
            count,
            latent_dim=self.info.latent_dim,
            class_counts=self.info.class_counts,
            truncation=truncation,
        )
