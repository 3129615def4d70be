"""Out of memory: say so in one line, with the batch that would have fitted."""

import traceback
from collections.abc import Callable

import torch

from pipeline.common import devices, process
from pipeline.common.errors import PipelineError


class OutOfMemory(PipelineError):
    """The networks, or a batch of them, do not fit into the device's memory."""


def is_out_of_memory(error: Exception) -> bool:
    """Return whether this is what torch raises then; on the CPU it has no class of its own."""
    return isinstance(error, torch.OutOfMemoryError) or process.is_out_of_memory(error)


def explained(
    error: Exception, try_step: Callable[[int], object], batch_size: int, device: torch.device
) -> OutOfMemory:
    """Return the error that names the batch that fits, found by halving it until a step passes.

    Args:
        try_step: takes one step with so many images.
        batch_size: what did not fit.
    """
    traceback.clear_frames(error.__traceback__)  # they hold the tensors of the step that failed
    devices.return_freed_memory()  # else its holes are all that they would find
    fitting = batch_size // 2
    while fitting >= 2:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            try_step(fitting)
            break
        except (RuntimeError, MemoryError) as again:
            if not is_out_of_memory(again):
                raise
            traceback.clear_frames(again.__traceback__)
        fitting //= 2
    advice = (
        f"{fitting} would fit"
        if fitting >= 2
        else "no batch fits: make the networks smaller (section model)"
    )
    reason = str(error).strip().split("\n")[0][:160]
    return OutOfMemory(
        f"out of memory on {device.type} with train.batch_size = {batch_size}; {advice} ({reason})"
    )
