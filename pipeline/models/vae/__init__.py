"""The family `vae`: variational autoencoders (Kingma and Welling 2014, arXiv 1312.6114), told the
class of an image if so chosen (Sohn, Lee and Yan 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, Strict

from pipeline.common.errors import InputError
from pipeline.common.section import Section

if TYPE_CHECKING:
    from torch import nn

    from pipeline.images.shape import ImageShape
    from pipeline.models.family import NetworkSize

OBJECTIVE = "variational"


class Parameters(Section):
    """The sub-section `model.vae`."""

    layers: Literal["dense", "conv"]
    widths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4096)], ...], Strict(False), Field(min_length=1)
    ]
    conditional: bool


def require(parameters: Parameters, shape: ImageShape) -> None:
    """Raise InputError unless every convolution can halve the side; dense layers take any."""
    count = len(parameters.widths)
    if parameters.layers == "conv" and shape.side_px % 2**count:
        raise InputError(
            f"images of {shape.side_px} px: the {count} convolutions of model.vae.widths halve the "
            f"side {count} times, which needs a multiple of {2**count}; take fewer or another "
            f"crop.side_px"
        )


def is_conditional(parameters: Parameters) -> bool:
    """Return whether encoder and decoder are told the class of an image."""
    return parameters.conditional


def build(parameters: Parameters, size: NetworkSize) -> dict[str, nn.Module]:
    """Return `generator` (the decoder, which holds the encoder) and `encoder` with torch's initial
    weights."""
    from pipeline.models.vae import networks

    kinds = {
        "dense": (networks.DenseDecoder, networks.DenseEncoder),
        "conv": (networks.ConvDecoder, networks.ConvEncoder),
    }
    decoder, encoder = (network(size, parameters.widths) for network in kinds[parameters.layers])
    decoder.encoder = encoder  # averaged and saved with it
    return {"generator": decoder, "encoder": encoder}


def initialise(network: nn.Module, seed: int) -> None:
    """Set Glorot's uniform initial weights, biases 0, a function of `seed` (Glorot and Bengio
    2010): what Keras gives its layers, and so the tutorials' VAEs."""
    from pipeline.models import layers

    layers.initialise_glorot(network, seed)
