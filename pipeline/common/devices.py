"""Where the networks run."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.common.errors import InputError

_KEPT_BYTES, _GLIBCS_BYTES = 1 << 30, 128 << 10


def pick(name: str) -> torch.device:
    """Return the device that `device:` names: auto takes CUDA, then Apple's mps, then the CPU.

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


def for_algebra(device: torch.device) -> str:
    """Return where large matrices are worked on beside a network on `device`: Apple's mps has no
    float64 and no k-th smallest value, so the CPU does that there."""
    return "cpu" if device.type == "mps" else device.type


@contextmanager
def cpu_threads(count: int | None = None) -> Iterator[None]:
    """Let torch compute with so many threads on the CPU, if there is a number, and have it take as
    many as before after the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """Have this process keep the memory that it frees, for its next tensors.

    glibc gives large blocks back to the system and gets them anew in each training step, page by
    page, with a fault for each: 7 to 17 % of a small network's step. Elsewhere than on glibc
    nothing happens.
    """
    _set_malloc(_KEPT_BYTES)


def return_freed_memory() -> None:
    """Undo `keep_freed_memory`, and give back what is free."""
    if libc := _set_malloc(_GLIBCS_BYTES):
        libc.malloc_trim(0)


def _set_malloc(threshold_bytes: int) -> ctypes.CDLL | None:
    """Have smaller blocks than this come from the heap, whose end is kept up to this size; return
    the C library, or None where it is not glibc."""
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    try:
        libc = ctypes.CDLL(None)
        # In this order: the second alone would have every large block mapped and unmapped.
        if libc.mallopt(mmap_threshold, threshold_bytes):
            libc.mallopt(trim_threshold, threshold_bytes)
    except (AttributeError, OSError, TypeError):  # another C library; Windows takes no None
        return None
    return libc


@contextmanager
def full_float32() -> Iterator[None]:
    """Compute float32 with all of its 24 bits on an NVIDIA GPU: torch allows convolutions, and
    training allows matrix products, to round their inputs to 11 (TF32), which shows in a score."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = False
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before
