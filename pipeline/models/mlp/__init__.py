"""The family `mlp`: the fully connected GAN of Goodfellow et al. 2014 (arXiv 1406.2661) with the
layers that later course work gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, Strict

from pipeline.common.section import Section, Share

if TYPE_CHECKING:
    from torch import nn

    from pipeline.images.shape import ImageShape
    from pipeline.models.family import NetworkSize

OBJECTIVE = "adversarial"
Widths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=8192)], ...], Strict(False), Field(min_length=1)
]
Activation = Literal["relu", "leaky_relu"]


class Parameters(Section):
    """The sub-section `model.mlp`."""

    generator_widths: Widths
    discriminator_widths: Widths
    generator_activation: Activation
    discriminator_activation: Activation
    dropout: Annotated[Share, Field(lt=1)]
    conditional: bool


def require(parameters: Parameters, shape: ImageShape) -> None:
    """Accept every shape: a dense layer has no idea of neighbours."""


def is_conditional(parameters: Parameters) -> bool:
    """Return whether both networks are told the class of an image."""
    return parameters.conditional


def build(parameters: Parameters, size: NetworkSize) -> dict[str, nn.Module]:
    """Return `generator` and `discriminator` with torch's initial weights."""
    from pipeline.models.mlp import networks

    return {
        "generator": networks.MlpGenerator(
            size,
            widths=parameters.generator_widths,
            activation=parameters.generator_activation,
        ),
        "discriminator": networks.MlpDiscriminator(
            size,
            widths=parameters.discriminator_widths,
            activation=parameters.discriminator_activation,
            dropout=parameters.dropout,
        ),
    }


def initialise(network: nn.Module, seed: int) -> None:
    """Set Glorot's uniform initial weights, biases 0, a function of `seed` (Glorot and Bengio
    2010), as Keras does."""
    from pipeline.models import layers

    layers.initialise_glorot(network, seed)
