"""Send images through a small network, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pipeline.common import devices
from pipeline.images import arrays
from pipeline.images.shape import ImageShape

# Every batch has this many images (the last one is filled up), so that the convolutions always
# run the same kernels and an image's result does not depend on how many others there are.
BATCH = 64


def forward(
    network: Callable[[Tensor], Tensor],
    images: np.ndarray,
    *,
    shape: ImageShape,
    width: int,
    device: torch.device,
) -> np.ndarray:
    """Return what a network makes of images, in their order.

    An image gives the same whatever else is in the call, and wherever it stands.

    Args:
        network: (BATCH, channels, side, side) float32 in [-1, 1] -> (BATCH, width), in evaluation
            mode.
        images: (N, side, side, 1 or 3) uint8, of any side.
        shape: that of the network's input; images are conformed to it.

    Returns:
        (N, width) float32.
    """
    found = np.empty((len(images), width), np.float32)

    @torch.inference_mode()
    def fill(start: int) -> None:
        count = min(BATCH, len(images) - start)
        batch = np.zeros((BATCH, shape.side_px, shape.side_px, shape.channels), np.uint8)
        batch[:count] = arrays.conform(images[start : start + count], shape)
        x = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2)  # channels-last
        found[start : start + count] = network(x.float().div(127.5).sub(1))[:count].cpu().numpy()

    # On the CPU a core takes a batch, rather than all cores a layer: nothing waits at each
    # layer's end, and the same sums are rounded alike on any number of cores.
    workers = torch.get_num_threads() if device.type == "cpu" else 1
    with devices.cpu_threads(1), ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, range(0, len(images), BATCH)))
    return found
