"""The family `dcgan`: Radford, Metz and Chintala 2016, arXiv 1511.06434."""

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
    """The sub-section `model.dcgan`."""

    channels: int = Field(ge=4, le=512)
    minibatch_stddev: bool
    conditional: bool


def require(parameters: Parameters, shape: ImageShape) -> None:
    """Raise InputError unless the side is a power of two from 16 up: each layer doubles it."""
    side = shape.side_px
    if side < 16 or side & (side - 1):
        raise InputError(
            f"images of {side} px: DCGAN makes sides that are a power of two from 16 up; set "
            f"crop.side_px"
        )


def is_conditional(parameters: Parameters) -> bool:
    """Return whether both networks are told the class of an image."""
    return parameters.conditional


def build(parameters: Parameters, size: NetworkSize) -> dict[str, nn.Module]:
    """Return `generator` and `discriminator` with torch's initial weights."""
    from pipeline.models.dcgan import networks

    return {
        "generator": networks.DcganGenerator(
            shape=size.shape,
            latent_dim=size.latent_dim,
            channels=parameters.channels,
            classes=size.classes,
        ),
        "discriminator": networks.DcganDiscriminator(
            shape=size.shape,
            channels=parameters.channels,
            minibatch_stddev=parameters.minibatch_stddev,
            classes=size.classes,
        ),
    }


def initialise(network: nn.Module, seed: int) -> None:
    """Set DCGAN's initial weights, a function of `seed`: convolutions N(0, 0.02), batch norm's
    scale N(1, 0.02), biases 0 (Radford et al. 2016, section 4)."""
    import torch
    from torch import nn

    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=source)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=source)
        else:
            continue
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
