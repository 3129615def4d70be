"""The classifier: its file, and what `scoring` uses it for: images to classes and features."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.special
import torch
from torch import Tensor

from pipeline.common import files, torch_file
from pipeline.common.errors import InputError
from pipeline.images import arrays
from pipeline.images.shape import ImageShape
from pipeline.scoring.classifier.network import FEATURES, SIDE_PX, ClassifierNetwork
from pipeline.scoring.classifier.training import Recipe
from pipeline.scoring.extractors import batched


@dataclass(frozen=True)
class ClassifierInfo:
    """What a classifier is.

    Attributes:
        class_names: of its classes, in the order of its outputs.
        channels: of the images that it takes.
        recipe: how it was trained.
        test_accuracy: share of the test images that it tells right.
        test_images: how many these were.
        memorization_threshold: d of its features below it is penalised.
    """

    class_names: tuple[str, ...]
    channels: int
    recipe: Recipe
    test_accuracy: float
    test_images: int
    memorization_threshold: float


def input_shape(channels: int) -> ImageShape:
    """Return the shape of what a classifier of data with so many channels takes."""
    return ImageShape(SIDE_PX, channels)


class ImageClassifier:
    """A trained network that tells the classes of images.

    Attributes:
        classes: how many.
        input_shape: what the network takes; all images are conformed to it.
    """

    def __init__(self, network: ClassifierNetwork, shape: ImageShape, device: torch.device) -> None:
        self.input_shape = shape
        self.classes = network.last.out_features
        self._device = device
        self._network = (
            network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        )

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the class of each image, int64 (N,), of uint8 (N, side, side, 1 or 3)."""
        return self._forward(self._network, images, self.classes).argmax(1)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float32 (N, classes), of the same images."""
        logits = self._forward(self._network, images, self.classes)
        return scipy.special.softmax(logits, axis=1)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, in their order: what the layer before the last gives.

        An image gives the same feature whatever else is in the call, and wherever it stands.

        Args:
            images: (N, side, side, 1 or 3) uint8, of any side; conformed to 32 px and to the
                channels of the data.

        Returns:
            (N, 128) float32, not negative.

        Raises:
            InputError: another type or shape of array.
        """
        return self._forward(self._network.body, images, FEATURES)

    def _forward(self, network: torch.nn.Module, images: np.ndarray, width: int) -> np.ndarray:
        arrays.shape_of(images, "images for the classifier")
        return batched.forward(
            network, images, shape=self.input_shape, width=width, device=self._device
        )


class SavedClassifier(ImageClassifier):
    """A classifier from its file; also the feature network of `reference.extractor: classifier`.

    Attributes:
        info: what it is.
        identity: SHA-256 of its file.
    """

    name = "classifier"
    dimensions = FEATURES
    precision = "float32"

    def __init__(
        self,
        info: ClassifierInfo,
        network: ClassifierNetwork,
        *,
        identity: str,
        device: torch.device,
    ) -> None:
        super().__init__(network, input_shape(info.channels), device)
        self.info = info
        self.identity = identity
        self.memorization_threshold = info.memorization_threshold


def save(path: Path, state: dict[str, Tensor], info: ClassifierInfo) -> None:
    """Write what `load` reads, whole or not at all."""
    content = asdict(info) | {
        "class_names": list(info.class_names),
        "state_dict": {name: tensor.cpu() for name, tensor in state.items()},
    }
    with files.atomic(path) as temporary:
        torch_file.save(temporary, content)


def load(path: Path, device: torch.device) -> SavedClassifier | None:
    """Return the classifier that the stage `classify` left; None where it was asked for none, which
    is an empty file.

    Raises:
        InputError: there is no such file, or it is no classifier of ours.
    """
    if not path.is_file():
        raise InputError(f"{path}: not there; run the classify stage first")
    if path.stat().st_size == 0:
        return None
    try:
        content = torch_file.load(path)
        state = content.pop("state_dict")
        names, recipe = tuple(content.pop("class_names")), Recipe(**content.pop("recipe"))
        info = ClassifierInfo(class_names=names, recipe=recipe, **content)
        network = ClassifierNetwork(info.channels, len(names))
        network.load_state_dict(state)
    except torch_file.DamagedFile as error:
        raise InputError(
            f"{path}: not a classifier, or damaged ({error}); run the classify stage again"
        ) from None
    except (LookupError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: not a classifier that this code can read ({reason}); run the classify stage "
            f"again"
        ) from None
    return SavedClassifier(info, network, identity=files.sha256(path), device=device)
