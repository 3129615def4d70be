"""Where the time of a training step goes: its arithmetic, the machine's peak, a profile."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

Step = Callable[[], object]

# An operator belongs to the first group that has a word of its name.
GROUPS = {
    "convolutions": ("conv",),
    "batch norm": ("batch_norm", "batchnorm"),
    "optimisers, average, norms": ("adam", "foreach", "lerp", "norm"),
    "copies, casts, the batch": ("copy", "_to_", "index", "where", "flip", "cat", "stack"),
    "compiled kernels": ("triton", "compiledfunction", "inductor", "cudagraph"),
}


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops(step: Step) -> int:
    """Return the floating-point operations of the products and convolutions of one step, which is
    not compiled."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def peak_flops_per_s(device: torch.device, dtype: torch.dtype) -> float:
    """Return what a large matrix product reaches here: the median of ten."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(12):
        wait(device)
        start = time.perf_counter()
        left @ right
        wait(device)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds[2:])


def breakdown(step: Step, steps: int, device: torch.device) -> list[tuple[str, float, float]]:
    """Return (group, milliseconds a step, share) of `steps` steps, by the device's clock; on CUDA
    also what is left of the wall clock, when the device waits for work."""
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
    wait(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait(device)
    wall = (time.perf_counter() - start) / steps  # without the profiler, which slows launches
    with profile(activities=activities) as profiler:
        for _ in range(steps):
            step()
        wait(device)
    spent: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        # On CUDA kernels are listed twice, by themselves and with the operator that launched them.
        if event.device_type == DeviceType.CPU:
            micros = event.self_device_time_total if cuda else event.self_cpu_time_total
            spent[_group(event.key)] += micros / 1e6 / steps
    if cuda:
        spent["the device waits for work"] = max(0.0, wall - sum(spent.values()))
    total = sum(spent.values())
    rows = [(name, seconds * 1e3, seconds / total) for name, seconds in spent.items()]
    return sorted(rows, key=lambda row: -row[1])


def _group(operator: str) -> str:
    name = operator.lower()
    for group, words in GROUPS.items():
        if any(word in name for word in words):
            return group
    return "other element by element"
