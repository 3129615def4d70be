"""What a family of models is: a package of `pipeline.models` with these names.

`__init__.py` holds the parameters and builds the networks, which it imports only then: the schema
of params.yaml reads every family, also in stages that need no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import nn

    from pipeline.common.section import Section
    from pipeline.images.shape import ImageShape


@dataclass(frozen=True)
class NetworkSize:
    """What decides the inputs and outputs of a family's networks.

    Attributes:
        latent_dim: length of a latent.
        shape: of the images.
        classes: number of classes that the networks are told; 0 for an unconditional model.
    """

    latent_dim: int
    shape: ImageShape
    classes: int


class Family(Protocol):
    """A family of models.

    Attributes:
        Parameters: the family's sub-section of `model`.
        OBJECTIVE: name of the training objective in `training.engine.registry`.
    """

    Parameters: type[Section]
    OBJECTIVE: str

    @staticmethod
    def require(parameters: Any, shape: ImageShape) -> None:
        """Raise InputError where networks with these parameters cannot make images of this
        shape."""

    @staticmethod
    def is_conditional(parameters: Any) -> bool:
        """Return whether the networks are told the class of an image."""

    @staticmethod
    def build(parameters: Any, size: NetworkSize) -> dict[str, nn.Module]:
        """Return all networks by name, with torch's initial weights. One is `generator`:
        forward(latents, labels=None) -> images in [-1, 1]. Labels are int64 (N,) or, for images
        between classes, their shares, float (N, classes).

        Where the family has an encoder, it is the generator's attribute `encoder`: forward(images,
        labels=None) -> mean and log variance of the latents."""

    @staticmethod
    def initialise(network: nn.Module, seed: int) -> None:
        """Set the family's initial weights in place, a function of `seed`."""
