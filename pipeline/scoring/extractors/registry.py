"""Feature networks behind one small interface, and the choice between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.common.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from pipeline.config import schema


class Extractor(Protocol):
    """A network that turns pictures into features.

    Attributes:
        name: as in `reference.extractor`.
        dimensions: D.
        memorization_threshold: d below it is penalised; calibrated for this network.
        identity: SHA-256 of its weights: features compare only where it is the same.
    """

    name: str
    dimensions: int
    memorization_threshold: float
    identity: str

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, 64, 64, 3) uint8 RGB -> (N, D) float32, in batches of bounded memory."""
        ...


def chosen(reference: schema.Reference, device: torch.device, cache: Path) -> Extractor:
    """The feature network that the section `reference` asks for; see `build`."""
    return build(
        reference.extractor,
        weights=reference.inception_weights,
        precision=reference.precision,
        device=device.type,
        cache=cache,
    )


def build(name: str, *, weights: str, precision: str, device: str, cache: Path) -> Extractor:
    """The feature network that `reference.extractor` names.

    Args:
        weights: `reference.inception_weights`; the embedded network brings its own.
        precision: float32 | bfloat16, for Inception alone.
        device: cpu | cuda | mps.
        cache: folder that fetched weights are kept in.

    Raises:
        InputError: no such network.
        PipelineError: its weights cannot be had, or are not what they should be.
    """
    if name == "embedded":
        from pipeline.scoring.extractors import embedded

        return embedded.load(device)
    if name == "inception":
        from pipeline.scoring.extractors import inception

        return inception.load(weights, precision=precision, device=device, cache=cache)
    raise InputError(f"reference.extractor = {name!r}: there are embedded and inception")
