"""The family `resnet`: a residual GAN that may be told the class of an image (Miyato et al. 2018,
arXiv 1802.05957; projection discriminator: Miyato and Koyama 2018, arXiv 1802.05637)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.common.errors import InputError
from pipeline.common.section import Section

if TYPE_CHECKING:
    from torch import nn

    from pipeline.images.shape import ImageShape
    from pipeline.models.family import NetworkSize

OBJECTIVE = "adversarial"


class Parameters(Section):
    """The sub-section `model.resnet`."""

    channels: int = Field(ge=4, le=512)
    attention: bool
    conditional: bool


def require(parameters: Parameters, shape: ImageShape) -> None:
    """Raise InputError unless the side is a power of two from 16 up, as each block doubles it, and
    large enough for attention where that is asked for."""
    from pipeline.models.resnet.networks import ATTENTION_PX

    side = shape.side_px
    if side < 16 or side & (side - 1):
        raise InputError(
            f"images of {side} px: resnet makes sides that are a power of two from 16 up; set "
            f"crop.side_px"
        )
    if parameters.attention and side <= ATTENTION_PX:
        raise InputError(
            f"model.resnet.attention: true: it lies at {ATTENTION_PX} px, in networks of larger "
            f"images than {side} px; set it to false"
        )


def is_conditional(parameters: Parameters) -> bool:
    """Return whether both networks are told the class of an image."""
    return parameters.conditional


def build(parameters: Parameters, size: NetworkSize) -> dict[str, nn.Module]:
    """Return `generator` and `discriminator` with torch's initial weights."""
    from pipeline.models.resnet import networks

    sizes = {"channels": parameters.channels, "attention": parameters.attention}
    return {
        "generator": networks.ResnetGenerator(size, **sizes),
        "discriminator": networks.ResnetDiscriminator(size, **sizes),
    }


def initialise(network: nn.Module, seed: int) -> None:
    """Set orthogonal initial weights, biases 0, embeddings so that every class starts alike; a
    function of `seed` (Brock et al. 2019, section 3)."""
    from pipeline.models.resnet import networks

    networks.initialise(network, seed)
