"""Several processes that share each batch: torch's own elastic launcher, DistributedDataParallel,
and a batch norm that sees the whole batch also where the processes talk through gloo."""

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

from pipeline.common.errors import InputError, PipelineError
from pipeline.training import fingerprint


class Team:
    """The processes of one training; alone, one that does without the others."""

    def __init__(self, rank: int = 0, size: int = 1, talk: Any = None) -> None:
        self.rank = rank
        self.size = size
        self.leads = rank == 0  # writes and speaks
        self._talk = talk  # a gloo group: what is agreed on lies in the main memory

    def share(self, batch_size: int) -> int:
        """This process's part of a batch.

        Raises:
            InputError: the batch cannot be divided.
        """
        if batch_size % self.size:
            raise InputError(
                f"train.batch_size = {batch_size}: cannot be shared by {self.size} processes; "
                f"take a multiple, or set train.processes: 1"
            )
        return batch_size // self.size

    def highest(self, *values: int) -> list[int]:
        """The highest of each value over all processes: all decide alike."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX, group=self._talk)
        return tensor.tolist()

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over all processes of a CPU tensor."""
        if self.size > 1:
            tensor = tensor.clone()
            dist.all_reduce(tensor, group=self._talk)
            tensor /= self.size
        return tensor

    def from_leader(self, content: Any) -> Any:
        """What the leader has; the others' argument is ignored."""
        if self.size == 1:
            return content
        box = [content if self.leads else None]
        dist.broadcast_object_list(box, src=0, group=self._talk)
        return box[0]

    def require_same(self, run: dict[str, Any]) -> None:
        """Check that all processes, perhaps on several machines, train the same.

        Raises:
            InputError: here is another run than with the leader; says what differs.
        """
        leaders = self.from_leader(run)
        if leaders != run:
            raise InputError(
                f"this machine trains another run than the first one: "
                f"{fingerprint.differences(leaders, run)}; give all machines the same code, "
                f"params.yaml and data/crops.npy"
            )

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network with its gradients averaged over the processes in backward.

        Call it after `synchronise_batch_norm`. Buffers need no broadcast: that batch norm gives
        each process the same ones.
        """
        if self.size == 1:
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
        if self.size == 1:
            return
        # nn.SyncBatchNorm refuses tensors on the CPU, and has no second derivative.
        torchs = device.type == "cuda" and not twice_differentiable
        kind = nn.SyncBatchNorm if torchs else SharedBatchNorm2d
        for parent in list(network.modules()):
            for name, layer in list(parent.named_children()):
                if isinstance(layer, nn.BatchNorm2d):
                    shared = kind(layer.num_features, layer.eps, layer.momentum)
                    shared.weight, shared.bias = layer.weight, layer.bias
                    for key, buffer in layer.named_buffers():
                        setattr(shared, key, buffer)
                    setattr(parent, name, shared)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the mean and variance of all processes' batches (of equal size)."""

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        if not self.training:
            return super().forward(x)
        values = x.float()
        axes = (0, 2, 3)
        count = dist.get_world_size() * values.numel() // values.shape[1]
        mean = _SumOverProcesses.apply(values.sum(axes)) / count  # (C,)
        centred = values - mean[:, None, None]
        variance = _SumOverProcesses.apply(centred.square().sum(axes)) / count  # (C,)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


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


def wanted(processes: int | str, device: torch.device) -> int:
    """How many processes to start here: `auto` is one a CUDA GPU, else one."""
    if processes != "auto":
        return int(processes)
    return max(1, torch.cuda.device_count()) if device.type == "cuda" else 1


def inside() -> bool:
    """Whether a launcher (torchrun, or `launch`) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Team, torch.device]]:
    """Join the other processes, if a launcher started this one; yields the team and the device
    of this process."""
    if not inside():
        yield Team(), device
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
    else:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // here))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo")), device
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
    """Run `work(*arguments)` in so many new processes on this machine, under torch's launcher.

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


def _reporting(work: Callable[..., None], *arguments: Any) -> None:
    """Do the work; an error for the user goes to the launcher instead of into a traceback."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        work(*arguments)
    except PipelineError as error:
        get_error_handler().record_exception(error)
        sys.exit(1)
