"""CIFAR-10's python batches (Krizhevsky 2009): pickles of bytes, read without running them."""

from __future__ import annotations

import gzip
import io
import pickle
import pickletools
import tarfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pipeline.common.errors import InputError
from pipeline.data.arrays.raw import LabelledImages, require_labels

_META = "batches.meta"
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_GZIP = b"\x1f\x8b"
_FILES = (_META, *_TRAIN, _TEST)
_SIDE_PX = 32
_LIMIT_BYTES = 64 << 20  # twice a batch


def read(path: Path) -> tuple[LabelledImages, LabelledImages, tuple[str, ...]]:
    """Return training images, test images and class names of `cifar-10-python.tar.gz`, unpacked or
    not, or of the folder that it unpacks to. The archive must hold all batches; a folder one of the
    training batches, and the test images are empty where it lacks `test_batch`.

    Raises:
        InputError: it is missing, damaged, or holds something else.
    """
    content = _of_folder(path) if path.is_dir() else _of_archive(path)
    if _META not in content:
        raise InputError(f"{path}: holds no {_META}")
    classes = _class_names(content[_META], f"{path}: {_META}")
    batches = {
        name: _batch(content[name], f"{path}: {name}", len(classes))
        for name in (*_TRAIN, _TEST)
        if name in content
    }
    train = [batches[name] for name in _TRAIN if name in batches]
    if not train:
        raise InputError(f"{path}: holds none of {', '.join(_TRAIN)}")
    together = LabelledImages(
        np.concatenate([batch.images for batch in train]),
        np.concatenate([batch.labels for batch in train]),
    )
    return together, batches.get(_TEST, LabelledImages.empty_like(together)), classes


def _of_folder(path: Path) -> dict[str, bytes]:
    """Return the content of the files that are there."""
    files = {name: path / name for name in _FILES if (path / name).is_file()}
    for name, file in files.items():
        _require_size(file.stat().st_size, path, name)
    return {name: file.read_bytes() for name, file in files.items()}


def _of_archive(path: Path) -> dict[str, bytes]:
    """Return the content of all files; no member may be larger than a batch."""
    if not path.is_file():
        raise InputError(f"{path}: not there")
    try:
        with open(path, "rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if not packed:
                content = _of_stream(raw, path)
            else:
                with gzip.GzipFile(fileobj=raw) as stream:
                    content = _of_stream(stream, path)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: cut short or damaged ({error})") from None
    if missing := [name for name in _FILES if name not in content]:
        raise InputError(f"{path}: holds no {', '.join(missing)}")
    return content


def _of_stream(stream: BinaryIO, path: Path) -> dict[str, bytes]:
    """Return the content of a tar's files, read in one pass."""
    content = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = member.name.rsplit("/", 1)[-1]
            _require_size(member.size, path, name)
            if member.isfile() and name in _FILES:
                content[name] = archive.extractfile(member).read()
    while stream.read(1 << 20):  # to the end, where gzip's checksum is compared
        pass
    return content


def _require_size(size: int, path: Path, name: str) -> None:
    if size > _LIMIT_BYTES:
        raise InputError(f"{path}: {name} has {size:,} bytes, no file of CIFAR-10 has so many")


def _class_names(data: bytes, where: str) -> tuple[str, ...]:
    names = _unpickled(data, where).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise InputError(f"{where}: holds no label_names")
    classes = tuple(name.decode("utf-8", "replace") for name in names)
    if len(set(classes)) != len(classes):
        raise InputError(f"{where}: a name stands twice in label_names")
    return classes


def _batch(data: bytes, where: str, classes: int) -> LabelledImages:
    content = _unpickled(data, where)
    pixels, labels = content.get(b"data"), content.get(b"labels")
    if not isinstance(pixels, _Array):
        raise InputError(f"{where}: holds no array of bytes under `data`")
    images = pixels.as_images(where)
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise InputError(f"{where}: holds no list of numbers under `labels`")
    try:
        rows = np.array(labels, np.int64)
    except OverflowError:
        raise InputError(f"{where}: a label of more than 64 bits") from None
    require_labels(images, rows, classes, where)
    return LabelledImages(images, rows)


# --- pickles -----------------------------------------------------------------------------------
# A pickle calls what it names, and sets the state of what these calls return. It gets nothing but
# the three classes below, in place of NumPy's own, which trust the state that they are given.
class _ArraysOnly(pickle.Unpickler):
    """An unpickler that keeps what a pickle says of its arrays, and calls nothing else."""

    def find_class(self, module: str, name: str) -> type:
        stand_ins = {
            "numpy.core.multiarray._reconstruct": _Array,
            "numpy._core.multiarray._reconstruct": _Array,  # as NumPy 2 writes it
            "numpy.ndarray": _Array,
            "numpy.dtype": _Type,
            "_codecs.encode": _Latin1,
        }
        if f"{module}.{name}" not in stand_ins:
            raise pickle.UnpicklingError(f"it calls {module}.{name}")
        return stand_ins[f"{module}.{name}"]


class _Type:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: object, *_: object) -> None:
        self.is_bytes = code in ("u1", b"u1")

    def __setstate__(self, state: object) -> None:
        """Ignore what else there is to say of unsigned bytes."""


class _Array:
    """Stands for an array; its state: version, shape, type, whether in Fortran's order, bytes."""

    def __init__(self, *_: object) -> None:
        self._state: object = None

    def __setstate__(self, state: object) -> None:
        self._state = state

    def as_images(self, where: str) -> np.ndarray:
        """Return the array's rows as images, uint8 (N, 32, 32, 3).

        Raises:
            InputError: it is no array of such rows.
        """
        state = self._state
        if not isinstance(state, tuple) or len(state) != 5:
            raise InputError(f"{where}: its array `data` has no content")
        _, shape, kind, is_fortran, content = state
        if not isinstance(kind, _Type) or not kind.is_bytes or not isinstance(content, bytes):
            raise InputError(f"{where}: its array `data` is not of bytes")
        size = 3 * _SIDE_PX**2
        if is_fortran or shape != (len(content) // size, size) or len(content) % size:
            raise InputError(
                f"{where}: an array {shape!r} of {len(content):,} bytes, an image has {size:,}"
            )
        images = np.frombuffer(content, np.uint8).reshape(-1, 3, _SIDE_PX, _SIDE_PX)
        return images.transpose(0, 2, 3, 1)


class _Latin1:
    """Stands for `_codecs.encode`, by which Python 3 writes bytes for Python 2."""

    def __new__(cls, text: str, encoding: str | bytes) -> bytes:
        if encoding not in ("latin1", b"latin1"):
            raise pickle.UnpicklingError(f"text in {encoding!r}")
        return text.encode("latin1")

    def __setstate__(self, state: object) -> None:
        """Take no state: there are no objects of this class."""


def _unpickled(data: bytes, where: str) -> dict[bytes, Any]:
    """Return the dictionary of a batch.

    Raises:
        InputError: it is no pickle, or one that does more than build arrays of bytes.
    """
    try:
        for opcode, argument, _ in pickletools.genops(data):  # whole, before any of it is built
            # The unpickler makes room for as many objects as the highest number says.
            if opcode.name.endswith("PUT") and argument > len(data):
                raise pickle.UnpicklingError(f"it numbers an object {argument:,}")
        content = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # the damage decides which
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{where}: no batch of arrays ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{where}: holds no dictionary")
    return content
