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


def build(reference: schema.Reference, *, device: str, cache: Path) -> Extractor:
    """Return the feature network that the section `reference` asks for.

    Args:
        device: cpu | cuda | mps.
        cache: folder where weights that were fetched stay.

    Raises:
        InputError: there is no such network.
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
            device=device,
            cache=cache,
        )
    raise InputError(
        f"reference.extractor = {reference.extractor!r}: there are embedded and inception"
    )
