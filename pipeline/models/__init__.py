"""The networks, by name. A new model: a file here with `Generator` and `Discriminator`, a line in
`MODELS`, its name in the schema of `model.name`."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipeline.common.errors import InputError
from pipeline.models import dcgan

if TYPE_CHECKING:
    from pipeline.config.schema import Model

MODELS = {"dcgan": dcgan}


def of_generator(model: Model, side_px: int) -> dict[str, Any]:
    """`build_generator`'s arguments: what a file with a generator's weights says of it."""
    return model.model_dump(include={"name", "latent_dim", "channels"}) | {"side_px": side_px}


def of_discriminator(model: Model, side_px: int) -> dict[str, Any]:
    """`build_discriminator`'s arguments."""
    return model.model_dump(exclude={"latent_dim"}) | {"side_px": side_px}


def build_generator(*, name: str, side_px: int, latent_dim: int, channels: int) -> nn.Module:
    """A generator with torch's initial weights (see `initialise`)."""
    return MODELS[name].Generator(side_px=side_px, latent_dim=latent_dim, channels=channels)


def build_discriminator(
    *, name: str, side_px: int, channels: int, minibatch_stddev: bool = False
) -> nn.Module:
    """The generator's opponent."""
    return MODELS[name].Discriminator(
        side_px=side_px, channels=channels, minibatch_stddev=minibatch_stddev
    )


def initialise(network: nn.Module, seed: int) -> None:
    """DCGAN's initial weights, a function of `seed`: convolutions N(0, 0.02), batch norm's scale
    N(1, 0.02), biases 0 (Radford et al. 2016, section 4)."""
    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=source)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02, generator=source)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def save_generator(
    path: Path,
    state: dict[str, Tensor],
    *,
    model: dict[str, Any],
    images_seen: int,
    fingerprint: str,
) -> None:
    """Write what `load_generator` reads. `model` holds `build_generator`'s arguments."""
    content = {
        "model": model,
        "state_dict": {name: tensor.cpu() for name, tensor in state.items()},
        "images_seen": images_seen,
        "fingerprint": fingerprint,
    }
    # Into an open file: given a name, torch.save writes that name into the archive, and the
    # temporary file's name is another in each run.
    with open(path, "wb") as file:
        torch.save(content, file)


def load_generator(path: Path, device: torch.device) -> nn.Module:
    """The generator of a finished training, ready for sampling, on `device`.

    Raises:
        InputError: there is no such file, or it is no generator of ours.
    """
    if not path.is_file():
        raise InputError(f"{path}: no generator here; train one first (python -m pipeline train)")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        generator = build_generator(**content["model"])
        generator.load_state_dict(content["state_dict"])
    except (
        *(RuntimeError, pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError),
        # What torch's reader raises on bytes that are no pickle at all.
        *(struct.error, AttributeError, AssertionError, OSError),
    ) as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise InputError(f"{path}: not a generator that this code can read ({reason})") from None
    return generator.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
