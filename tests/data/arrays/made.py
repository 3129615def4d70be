"""Files of the labelled data sets, made small: IDX, CIFAR's batches, SVHN's .mat."""

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np

from tests import factories

CIFAR_CLASSES = ("cat", "dog", "owl")
MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array: np.ndarray, *, magic: bytes | None = None) -> bytes:
    """Return an IDX file of unsigned bytes."""
    magic = magic or bytes((0, 0, 8, array.ndim))
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def digits(count: int, *, seed: int = 0, side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Return grey images, uint8 (count, side, side), and the labels 0 to 9 in turn, uint8."""
    images = factories.images(count, side, channels=1, seed=seed)[..., 0]
    return images, (np.arange(count) % 10).astype(np.uint8)


def mnist_contents(train: int = 30, test: int = 20) -> list[bytes]:
    """Return the contents of MNIST's four files, in the order of `MNIST_FILES`."""
    parts = (*digits(train), *digits(test, seed=1))
    return [idx(part) for part in parts]


def write_mnist(folder: Path, *, packed: bool = True, **counts: int) -> Path:
    """Write MNIST's four files into a folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(MNIST_FILES, mnist_contents(**counts), strict=True):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / name).write_bytes(content)
    return folder


# --- CIFAR -------------------------------------------------------------------------------------
def cifar_rows(count: int, *, seed: int = 0) -> tuple[np.ndarray, list[int]]:
    """Return rows of planes, uint8 (count, 3072), and the labels 0 to 2 in turn."""
    images = factories.images(count, 32, seed=seed)
    return images.transpose(0, 3, 1, 2).reshape(count, -1), [n % 3 for n in range(count)]


def python2_pickle(content: dict[str, object]) -> bytes:
    """Return a pickle as Python 2's cPickle wrote the original batches: strings of bytes, and an
    array of them by NumPy's `_reconstruct`."""

    def written(value: object) -> bytes:
        if isinstance(value, str):
            return b"U" + bytes([len(value)]) + value.encode()
        if isinstance(value, bytes):
            return b"T" + struct.pack("<i", len(value)) + value
        if isinstance(value, int):
            return b"J" + struct.pack("<i", value)
        if isinstance(value, list):
            return b"](" + b"".join(written(each) for each in value) + b"e"
        assert isinstance(value, np.ndarray)
        shape = b"(" + b"".join(written(side) for side in value.shape) + b"t"
        minus_one = b"J\xff\xff\xff\xff"
        kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
        kind += b"(K\x03U\x01|NNN" + 2 * minus_one + b"K\x00tb"
        start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        return start + b"(K\x01" + shape + kind + b"\x89" + written(value.tobytes()) + b"tb"

    pairs = b"".join(written(name) + written(value) for name, value in content.items())
    return b"\x80\x02}(" + pairs + b"u."


def cifar_files(train: int = 6, test: int = 6) -> dict[str, bytes]:
    """Return CIFAR-10's files: five batches of `train` images, the test batch, the names."""
    files = {"batches.meta": python2_pickle({"label_names": list(CIFAR_CLASSES)})}
    for number in range(1, 6):
        rows, labels = cifar_rows(train, seed=number)
        files[f"data_batch_{number}"] = python2_pickle({"data": rows, "labels": labels})
    rows, labels = cifar_rows(test, seed=6)
    files["test_batch"] = python2_pickle({"data": rows, "labels": labels})
    return files


def python3_batch(rows: np.ndarray, labels: list[int], protocol: int) -> bytes:
    """Return a batch as Python 3 writes it."""
    return pickle.dumps({b"data": rows, b"labels": labels}, protocol=protocol)


def cifar_archive(files: dict[str, bytes], kind: str = "w:gz") -> bytes:
    """Return `cifar-10-python.tar.gz`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=kind) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def write_cifar(folder: Path, files: dict[str, bytes]) -> Path:
    """Write CIFAR-10's files as they unpack; return the folder that holds them."""
    inner = folder / "cifar-10-batches-py"
    inner.mkdir(parents=True)
    for name, content in files.items():
        (inner / name).write_bytes(content)
    return folder


# --- SVHN --------------------------------------------------------------------------------------
def write_svhn(path: Path, count: int = 20, *, seed: int = 0, **changes: object) -> None:
    """Write a .mat of SVHN: X uint8 (32, 32, 3, count), y uint8 (count, 1) of 1 to 10, where 10
    stands for 0; `changes` replace them."""
    from scipy.io import savemat

    images = factories.images(count, 32, seed=seed).transpose(1, 2, 3, 0)
    labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
    savemat(path, {"X": images, "y": labels} | changes, do_compression=True)
