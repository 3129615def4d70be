"""Several processes that share each batch: torch's own elastic launcher, DistributedDataParallel,
and a batch norm that sees the whole batch also where the processes exchange it through gloo."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pipeline.common import cores
from pipeline.common.errors import InputError, PipelineError


class Distributed:
    """The processes of one training; with one process, everything stays in it.

    Attributes:
        rank: number of this process, from 0.
        world_size: number of processes.
        is_main: whether this is the process that writes files and prints.
    """

    def __init__(self, rank: int = 0, world_size: int = 1, group: Any = None) -> None:
        self.rank = rank
        self.world_size = world_size
        self.is_main = rank == 0
        self._group = group  # of gloo: what is exchanged lies in the main memory

    def local_batch_size(self, batch_size: int) -> int:
        """Return how many images of a batch are this process's.

        Raises:
            InputError: the batch cannot be divided.
        """
        if batch_size % self.world_size:
            raise InputError(
                f"train.batch_size = {batch_size}: cannot be shared by {self.world_size} "
                f"processes; take a multiple, or set train.processes: 1"
            )
        return batch_size // self.world_size

    def all_reduce_max(self, *values: int) -> list[int]:
        """Return the highest of each value over all processes: all decide alike."""
        if self.world_size == 1:
            return list(values)
        tensor = torch.tensor(values)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX, group=self._group)
        return tensor.tolist()

    def all_reduce_mean(self, tensor: Tensor) -> Tensor:
        """Return the mean over all processes of a CPU tensor."""
        if self.world_size > 1:
            tensor = tensor.clone()
            dist.all_reduce(tensor, group=self._group)
            tensor /= self.world_size
        return tensor

    def mean(self, tensor: Tensor) -> Tensor:
        """Return the mean over all processes of a tensor on the training's device, without a
        gradient; nothing waits for it."""
        if self.world_size > 1:
            tensor = tensor.clone()
            dist.all_reduce(tensor)
            tensor /= self.world_size
        return tensor

    def broadcast(self, content: Any) -> Any:
        """Return what the main process has; the others' argument is ignored."""
        if self.world_size == 1:
            return content
        box = [content if self.is_main else None]
        dist.broadcast_object_list(box, src=0, group=self._group)
        return box[0]

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Return the network with its gradients averaged over the processes in backward.

        Call it after `synchronise_batch_norm`. Buffers need no broadcast: that batch norm gives
        each process the same ones.
        """
        if self.world_size == 1:
            return network
        ids = [device.index] if device.type == "cuda" else None
        with warnings.catch_warnings():
            # torch 2.15 gives `broadcast_buffers` another name, which 2.6 does not know.
            warnings.simplefilter("ignore", FutureWarning)
            return nn.parallel.DistributedDataParallel(
                network, device_ids=ids, broadcast_buffers=False
            )

    def synchronise_batch_norm(
        self, network: nn.Module, device: torch.device, *, twice_differentiable: bool
    ) -> None:
        """Replace, in place, each batch norm by one over the batches of all processes. Weights,
        buffers and their names stay."""
        if self.world_size == 1:
            return
        # nn.SyncBatchNorm refuses tensors on the CPU, and has no second derivative.
        is_torchs = device.type == "cuda" and not twice_differentiable
        kind = nn.SyncBatchNorm if is_torchs else SharedBatchNorm
        for parent in list(network.modules()):
            for name, layer in list(parent.named_children()):
                if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                    shared = kind(
                        layer.num_features,
                        layer.eps,
                        layer.momentum,
                        layer.affine,
                        layer.track_running_stats,
                    )
                    shared.weight, shared.bias = layer.weight, layer.bias
                    for key, buffer in layer.named_buffers():
                        setattr(shared, key, buffer)
                    shared.train(layer.training)
                    setattr(parent, name, shared)


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm with the mean and variance of all processes' batches (of equal size), for any
    number of dimensions, with or without weights and running statistics."""

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept any number of dimensions."""

    def forward(self, x: Tensor) -> Tensor:  # (N, C) or (N, C, ...)
        if not self.training:  # as torch's: no process waits for another
            return super().forward(x)
        values = x.float()
        axes = [axis for axis in range(values.dim()) if axis != 1]
        per_channel = (-1,) + (1,) * (values.dim() - 2)  # (C,) beside (N, C, ...)
        count = dist.get_world_size() * values.numel() // values.shape[1]
        mean = _SumOverProcesses.apply(values.sum(axes)) / count  # (C,)
        centred = values - mean.view(per_channel)
        variance = _SumOverProcesses.apply(centred.square().sum(axes)) / count  # (C,)
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = self.weight * scale
        normalised = centred * scale.view(per_channel)
        if self.affine:
            normalised = normalised + self.bias.view(per_channel)
        return normalised.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        self.num_batches_tracked += 1
        # Without momentum torch keeps a plain mean over all batches.
        step = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(unbiased_variance, step)


class _SumOverProcesses(torch.autograd.Function):
    """y = Σ over processes of x. Each process's loss depends on y, so dx = Σ over them of dy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.apply(gradient.contiguous())  # R1 differentiates it again


def process_count(processes: int | str, device: torch.device) -> int:
    """Return how many processes to start here: `auto` is one a CUDA GPU, else one."""
    if processes != "auto":
        return int(processes)
    return max(1, torch.cuda.device_count()) if device.type == "cuda" else 1


def is_launched() -> bool:
    """Return whether a launcher (torchrun, or `launch`) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


@contextmanager
def process_group(device: torch.device) -> Iterator[tuple[Distributed, torch.device]]:
    """Join the other processes, if a launcher started this one; yield them and the device of this
    process."""
    if not is_launched():
        yield Distributed(), device
        return
    local, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if device.type == "cuda":
        if here > torch.cuda.device_count():
            raise InputError(
                f"train.processes: {here} on this machine, which has {torch.cuda.device_count()} "
                f"GPU(s); one process a GPU"
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        group = dist.new_group(backend="gloo")
        yield Distributed(dist.get_rank(), dist.get_world_size(), group), device
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        raise PipelineError(
            "another process of this training has ended or cannot be reached (its own message, if "
            "it had one, stands in its output); the same command continues from the last checkpoint"
        ) from error
    finally:
        dist.destroy_process_group()


def _is_lost_connection(error: RuntimeError) -> bool:
    # gloo's faults have no class of their own.
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def launch(work: Callable[..., None], arguments: tuple[Any, ...], processes: int) -> None:
    """Run `work(*arguments)` in so many new processes on this machine, under torch's launcher. Each
    is told an equal part of the usable cores, by OMP_NUM_THREADS, as torchrun tells its own.

    Raises:
        PipelineError: one of them failed; with its own message where it had one for the user.
        SystemExit: a signal stopped them.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=0,
        run_id="train",
    )
    logging.disable(logging.CRITICAL)  # a table for each fault; ours are one line
    try:
        with _told_cores(max(1, cores.usable() // processes)):
            elastic_launch(config, _reporting)(work, *arguments)
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        told = failure.error_file_data.get("message", {})
        reason = told.get("message", failure.message) if isinstance(told, dict) else told
        # "InputError: what, where, what to do"
        raise PipelineError(str(reason).partition(": ")[2] or "a training process died") from None
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _told_cores(count: int) -> Iterator[None]:
    """Have processes that start meanwhile use so many cores."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _reporting(work: Callable[..., None], *arguments: Any) -> None:
    """Do the work; hand an error for the user to the launcher instead of printing a traceback."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        work(*arguments)
    except PipelineError as error:
        get_error_handler().record_exception(error)
        sys.exit(1)
