"""Which numbers the networks compute in."""

import os

import torch


def pick(name: str, device: torch.device) -> torch.dtype:
    """The type that `train.precision` names; `auto` takes what the hardware computes fast.

    CUDA: bfloat16 from Ampere on (compute capability 8.0), float16 before. CPU: bfloat16 where
    it has instructions for it (AVX512-BF16 or AMX), where it saves 35 to 45 % of the time;
    elsewhere bfloat16 is emulated and slower than float32. Others: float32.
    """
    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        ampere = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if ampere else torch.float16
    if device.type == "cpu" and _cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def make_reproducible(device: torch.device, *, deterministic: bool) -> None:
    """Same bits in two runs on the same machine: always on the CPU, on a GPU where asked."""
    exact = deterministic or device.type == "cpu"
    torch.use_deterministic_algorithms(exact)
    # Exactness does not need unwritten memory to be filled, which costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    if device.type == "cuda":
        if exact:  # read by cuBLAS when it starts
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = not exact
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True


def _cpu_has_bfloat16() -> bool:
    # Private in every torch so far, with no public way to ask; absent means "do not know".
    asked = (
        getattr(torch.cpu, name, lambda: False)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(has() for has in asked)
