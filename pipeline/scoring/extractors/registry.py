"""The interface of the feature networks, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline.common.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from pipeline.config import schema
    from pipeline.images.shape import ImageShape


class Extractor(Protocol):
    """A network that turns images into features.

    Attributes:
        name: as in `reference.extractor`.
        dimensions: D, the length of a feature vector.
        input_shape: what the network takes; `features` conforms images to it.
        memorization_threshold: d below it is penalised; calibrated for this network.
        identity: SHA-256 of its weights; features can be compared only where it is the same.
        precision: float32 | bfloat16, what its convolutions compute in.
    """

    name: str
    dimensions: int
    input_shape: ImageShape
    memorization_threshold: float
    identity: str
    precision: str

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, in their order and in bounded memory.

        Args:
            images: (N, side, side, 1 or 3) uint8, of any side.

        Returns:
            (N, D) float32.

        Raises:
            InputError: another type or shape of array.
        """
        ...


def build(
    reference: schema.Reference, *, side_px: int, device: str, cache: Path, classifier: Path
) -> Extractor:
    """Return the feature network that the section `reference` asks for.

    Args:
        side_px: side of the competition's images. Inception resizes from there; the embedded
            network takes 64 px, whatever the side.
        device: cpu | cuda | mps.
        cache: folder where weights that were fetched stay.
        classifier: the file that the stage `classify` left.

    Raises:
        InputError: there is no such network, or no classifier was trained.
        PipelineError: its weights cannot be fetched, or are not the ones they should be.
    """
    if reference.extractor == "embedded":
        from pipeline.scoring.extractors import embedded

        return embedded.load(device)
    if reference.extractor == "inception":
        from pipeline.scoring.extractors import inception

        return inception.load(
            reference.inception.weights,
            precision=reference.inception.precision,
            side_px=side_px,
            device=device,
            cache=cache,
        )
    if reference.extractor == "classifier":
        import torch

        from pipeline.scoring.classifier import saved

        found = saved.load(classifier, torch.device(device))
        if found is None:
            raise InputError(
                f"reference.extractor: classifier: {classifier} holds none; set classifier.train "
                f"to true and run the classify stage"
            )
        return found
    raise InputError(
        f"reference.extractor = {reference.extractor!r}: there are embedded, inception and "
        f"classifier"
    )
