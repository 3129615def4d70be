"""Which numbers the networks compute in, and a step of their optimisers in these."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pipeline.config.schema import Train


def pick(name: str, device: torch.device) -> torch.dtype:
    """Return the type that `train.precision` names; `auto` takes what the hardware computes fast.

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
    """Have two runs on the same machine give the same bits: always on the CPU, on a GPU where
    `deterministic`."""
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


def autocast(dtype: torch.dtype, device: torch.device) -> torch.autocast:
    """Return the context in which a forward pass computes in `dtype`."""
    mixed = dtype != torch.float32
    return torch.autocast(device.type, dtype if mixed else None, enabled=mixed)


def adam(
    network: nn.Module, rate: float, train: Train, device: torch.device
) -> torch.optim.Optimizer:
    """Return Adam (Kingma and Ba 2015) for a network's weights, its update in one kernel where the
    device has it."""
    return torch.optim.Adam(
        network.parameters(),
        lr=rate,
        betas=(train.beta1, train.beta2),
        fused=device.type in ("cpu", "cuda"),
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float, train: Train, number: int) -> None:
    """Set the rate of step `number`, from 0: `rate` itself, or what is left of it on a straight
    line to 0 at `train.images`."""
    if train.lr_decay == "linear":
        rate *= max(0.0, 1 - number * train.batch_size / train.images)
    for group in optimizer.param_groups:
        group["lr"] = rate


def descend(
    loss: Tensor,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> Tensor:
    """Take one step down the loss; return the L2 norm of the network's gradient."""
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    return apply_gradients(network, optimizer, scaler)


def apply_gradients(
    network: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> Tensor:
    """Take one step along the gradients that the network has; return their L2 norm."""
    scaler.unscale_(optimizer)
    norm = nn.utils.get_total_norm([weight.grad for weight in network.parameters()])
    scaler.step(optimizer)
    if scaler.is_enabled():
        # An overflow in float16 is no divergence: the scaler skips the step and scales lower.
        norm = norm.nan_to_num(posinf=0.0)
    return norm


def _cpu_has_bfloat16() -> bool:
    # Private in every torch so far, with no public way to ask; absent means "do not know".
    asked = (
        getattr(torch.cpu, name, lambda: False)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(has() for has in asked)
