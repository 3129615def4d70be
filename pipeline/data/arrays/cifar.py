"""CIFAR-10's python batches (Krizhevsky 2009): pickles of bytes, read without running them."""

from __future__ import annotations

import io
import pickle
import pickletools
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.common.errors import InputError
from pipeline.data.arrays.raw import LabelledImages, require_labels

_FOLDER = "cifar-10-batches-py"
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_SIDE_PX = 32
_LIMIT_BYTES = 64 << 20
# What the original batches call, all of it needed to build an array of bytes.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that can build arrays, and call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it calls {module}.{name}")
        if name == "_reconstruct":  # NumPy 2 moved it
            return np.ndarray.__reduce__(np.empty(0))[0]
        return super().find_class(module, name)


def read(path: Path) -> tuple[LabelledImages, LabelledImages, tuple[str, ...]]:
    """Return training images, test images and class names of `cifar-10-python.tar.gz` or of the
    folder that it unpacks to. Batches that a folder lacks are left out, but one must be there.

    Raises:
        InputError: it is missing, damaged, or holds something else.
    """
    if path.is_dir():
        return _read(path, lambda name: _file(path / name))
    if not path.is_file():
        raise InputError(f"{path}: not there")
    try:
        with tarfile.open(path) as archive:
            members = {
                member.name.rsplit("/", 1)[-1]: member for member in archive if member.isfile()
            }

            def member(name: str) -> bytes | None:
                found = members.get(name)
                if found is None:
                    return None
                if found.size > _LIMIT_BYTES:
                    raise InputError(f"{path}: {name} has {found.size:,} bytes")
                return archive.extractfile(found).read()

            return _read(path, member)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{path}: cut short or damaged ({error})") from None


def _file(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _read(
    path: Path, content: Callable[[str], bytes | None]
) -> tuple[LabelledImages, LabelledImages, tuple[str, ...]]:
    meta = content("batches.meta")
    if meta is None:
        raise InputError(f"{path}: holds no batches.meta")
    names = _unpickled(meta, f"{path}: batches.meta").get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise InputError(f"{path}: batches.meta: holds no label_names")
    classes = tuple(name.decode() for name in names)
    train = [
        _batch(data, f"{path}: {name}", len(classes))
        for name in _TRAIN
        if (data := content(name)) is not None
    ]
    if not train:
        raise InputError(f"{path}: holds none of {', '.join(_TRAIN)}")
    together = LabelledImages(
        np.concatenate([batch.images for batch in train]),
        np.concatenate([batch.labels for batch in train]),
    )
    test = content(_TEST)
    held_out = LabelledImages.empty_like(together)
    if test is not None:
        held_out = _batch(test, f"{path}: {_TEST}", len(classes))
    return together, held_out, classes


def _batch(data: bytes, where: str, classes: int) -> LabelledImages:
    content = _unpickled(data, where)
    pixels, labels = content.get(b"data"), content.get(b"labels")
    size = 3 * _SIDE_PX**2
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise InputError(f"{where}: holds no array of bytes under `data`")
    if pixels.shape[1] != size:
        raise InputError(f"{where}: rows of {pixels.shape[1]:,} bytes, an image has {size:,}")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise InputError(f"{where}: holds no list of numbers under `labels`")
    images = pixels.reshape(-1, 3, _SIDE_PX, _SIDE_PX).transpose(0, 2, 3, 1)
    found = LabelledImages(images, np.array(labels, np.int64))
    require_labels(found.images, found.labels, classes, where)
    return found


def _unpickled(data: bytes, where: str) -> dict[bytes, Any]:
    """Return the dictionary of a batch.

    Raises:
        InputError: it is no pickle, or one that does more than build arrays.
    """
    try:
        for _ in pickletools.genops(data):  # whole, before anything of it is built
            pass
        content = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{where}: no batch of arrays ({error})") from None
    except (AttributeError, ImportError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: no batch of arrays ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{where}: holds no dictionary")
    return content
