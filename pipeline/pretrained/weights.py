"""Read and write the generators that come with the package: safetensors files, named by what they
were trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.models.saved import GeneratorInfo, SavedGenerator

FOLDER = Path(__file__).parent
_SUFFIX = ".safetensors"
_KEY = "generator"  # of the file's metadata


def names() -> tuple[str, ...]:
    """Return the names of the generators that are there."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{_SUFFIX}")))


def load(name: str, device: torch.device, *, folder: Path = FOLDER) -> SavedGenerator:
    """Return a generator that comes with the package, in float32.

    Raises:
        InputError: there is none of this name, or its file is damaged.
    """
    path = folder / f"{name}{_SUFFIX}"
    if path.parent != folder or not path.is_file():
        known = ", ".join(names())
        raise InputError(f"--pretrained {name}: no such generator; there is {known}")
    try:
        with safe_open(path, "pt") as file:
            info = GeneratorInfo.from_plain(json.loads(file.metadata()[_KEY]))
            state = {key: _widened(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
        network = info.build()
        network.load_state_dict(state)
    except (SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise InputError(
            f"{path}: damaged ({reason}); get the file anew: git checkout -- {path}"
        ) from None
    return SavedGenerator(info, network, device)


def save(path: Path, state: dict[str, Tensor], info: GeneratorInfo) -> None:
    """Write what `load` reads. Matrices and filters are kept in half precision; what batch norm
    measured, which small files would gain nothing from, in full."""
    kept = {
        name: (tensor.half() if tensor.dim() > 1 else tensor).detach().cpu().contiguous()
        for name, tensor in state.items()
    }
    if broken := [name for name, tensor in kept.items() if not torch.isfinite(tensor).all()]:
        raise ValueError(f"{', '.join(broken)}: not finite in half precision")
    about = json.dumps(replace(info, fingerprint="").to_plain())
    files.write_bytes(path, serialise(kept, {_KEY: about}))


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor
