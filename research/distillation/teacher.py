"""The teacher of the distillation: the 2015-12-05 Inception network, without its last blocks, whose
weights are not at hand."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.common import npy
from pipeline.common.errors import InputError
from pipeline.common.files import sha256
from pipeline.common.progress import bar
from research.distillation.data import fingerprint

# In their order; Mixed_6e gives 768 channels, Mixed_7a 1280.
_LAYERS = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1",
    "Conv2d_4a_3x3", "maxpool2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b",
    "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7a",
)  # fmt: skip
_INPUT_PX = 299
_BATCH = 16
_CHUNK = 512  # images whose features are kept in one file, so that a stopped run goes on


class Teacher:
    """Compute the features of Inception up to Mixed_7a.

    Args:
        weights: an .npz of `<layer>.weight` and `<layer>.bias` with batch norm folded in, under
            the names of pytorch-fid's layers.
        dtype: bfloat16 is 2.5 times as fast where the processor has it, and moves an image's
            features by a cosine distance of 5e-5; the nearest other photo is at 0.1.
        device: where it computes.

    Raises:
        InputError: the file lacks a layer.
    """

    def __init__(
        self, weights: Path, dtype: torch.dtype = torch.bfloat16, device: str = "cpu"
    ) -> None:
        from pytorch_fid.inception import FIDInceptionA, FIDInceptionC
        from torchvision.models import inception_v3

        net = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
        # TensorFlow's average pooling leaves the padding out of its mean.
        for name, inputs, pool in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
            setattr(net, f"Mixed_{name}", FIDInceptionA(inputs, pool))
        for name, channels in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            setattr(net, f"Mixed_{name}", FIDInceptionC(768, channels))
        with np.load(weights) as arrays:
            layers = [_without_batch_norm(getattr(net, name), name, arrays) for name in _LAYERS]
        self.identity = f"{sha256(weights)} {dtype}"
        self._dtype = dtype
        self._layers = nn.Sequential(*layers).eval().requires_grad_(False)
        self._layers.to(device, dtype, memory_format=torch.channels_last)
        self._device = device

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the channel means of Mixed_6e and Mixed_7a, (N, 768 + 1280) float32.

        Args:
            images: (N, 64, 64, 3) uint8.
        """
        batches = range(0, len(images), _BATCH)
        return np.concatenate([self._batch(images[i : i + _BATCH]) for i in batches])

    @torch.inference_mode()
    def _batch(self, images: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(images.copy()).to(self._device).permute(0, 3, 1, 2).float()
        x = ((_resize(x) - 128) / 128).to(self._dtype, memory_format=torch.channels_last)
        middle = self._layers[:-1](x)
        deeper = self._layers[-1](middle)
        pooled = [maps.float().mean((2, 3)) for maps in (middle, deeper)]
        return torch.cat(pooled, 1).cpu().numpy()


def _without_batch_norm(layer: nn.Module, name: str, arrays: np.lib.npyio.NpzFile) -> nn.Module:
    """Return the layer with each convolution and batch norm replaced by a convolution with bias."""
    for path, part in list(layer.named_modules()):
        if type(part).__name__ != "BasicConv2d":
            continue
        key = f"{name}.{path}" if path else name
        if f"{key}.weight" not in arrays:
            raise InputError(f"the Inception weights hold no {key}.weight")
        old = part.conv
        conv = nn.Conv2d(
            old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding
        )
        weight = torch.from_numpy(arrays[f"{key}.weight"].astype(np.float32))
        conv.load_state_dict({"weight": weight, "bias": torch.from_numpy(arrays[f"{key}.bias"])})
        folded = nn.Sequential(conv, nn.ReLU(inplace=True))
        if not path:
            return folded
        setattr(layer, path, folded)
    return layer


def _resize(x: Tensor) -> Tensor:
    """Resize to 299x299 as TensorFlow 1 does, bilinearly: pixel corners, not centres, are aligned.

    (N, C, side, side) -> (N, C, 299, 299).
    """
    last = x.shape[-1] - 1
    places = torch.arange(_INPUT_PX, dtype=torch.float32, device=x.device)
    places = places * (x.shape[-1] / _INPUT_PX)
    low = places.long()
    high = (low + 1).clamp(max=last)
    share = places - low
    x = x[..., low, :] * (1 - share)[:, None] + x[..., high, :] * share[:, None]
    return x[..., low] * (1 - share) + x[..., high] * share


def teacher_features(teacher: Teacher, name: str, images: np.ndarray, folder: Path) -> np.ndarray:
    """Return `teacher.features(images)`, kept in `folder` in parts and read from there if present.

    A file's name starts with `name` and tells which images it is of, and by which teacher.
    """
    chunks = []
    starts = range(0, len(images), _CHUNK)
    for start in bar(starts, label=name, unit="chunk"):
        chunk = images[start : start + _CHUNK]
        path = folder / f"{name}.{start}.{fingerprint(teacher.identity, chunk)}.npy"
        if not path.is_file():
            npy.write(path, teacher.features(chunk))
        chunks.append(np.load(path))
    return np.concatenate(chunks)
