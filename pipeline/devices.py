"""Where the networks run."""

import torch

from pipeline.errors import InputError


def pick(name: str) -> torch.device:
    """The device that `device:` names: auto takes CUDA, then Apple's mps, then the CPU.

    Raises:
        InputError: a device is asked for that this machine, or this build of torch, has not.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, present in available.items() if present)
    if not available[name]:
        present = ", ".join(kind for kind, is_here in available.items() if is_here)
        raise InputError(
            f"device = {name!r}: this machine has none that torch {torch.__version__} can use; "
            f"set device to auto or to one of: {present}"
        )
    return torch.device(name)
