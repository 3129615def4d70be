"""The sources of labelled arrays: local folders, mirrors with resume and pinned hashes, splits."""

import gzip
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.config import params
from pipeline.data.arrays.raw import RawArrays
from pipeline.data.sources import cifar10, digits, fashion_mnist, mnist, svhn
from pipeline.data.sources.labelled import Parameters
from pipeline.data.sources.registry import SOURCES, section_name
from pipeline.download.mirrors import DownloadCorrupt, DownloadFailed
from tests import factories
from tests.data.arrays import made
from tests.data.sources.requests import request
from tests.standins.file_server import Fault, FileServer, Served


def settings(source: str, repository: Path, **changes: Any) -> Parameters:
    shipped = params.load(repository / "params.yaml").data
    return getattr(shipped, section_name(source)).model_copy(update=changes)


def write(tmp_path: Path, source: str, parameters: Any) -> RawArrays:
    asked = request(tmp_path)
    SOURCES[source].write(asked, parameters)
    return RawArrays.load(asked.raw)


def files_of(source: str, folder: Path) -> dict[str, bytes]:
    """Return the original files of a source, made small."""
    if source in ("mnist", "fashion-mnist"):
        made.write_mnist(folder)
    elif source == "cifar10":
        folder.mkdir()
        (folder / "cifar-10-python.tar.gz").write_bytes(made.cifar_archive(made.cifar_files()))
    else:
        folder.mkdir()
        for seed, name in enumerate(("train_32x32.mat", "test_32x32.mat")):
            made.write_svhn(folder / name, seed=seed)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


every_download = pytest.mark.parametrize("source", ["mnist", "fashion-mnist", "cifar10", "svhn"])


# --- what they hold ----------------------------------------------------------------------------
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_of_a_folder(tmp_path: Path, repository: Path, packed: bool) -> None:
    folder = made.write_mnist(tmp_path / "mine", packed=packed)
    found = write(tmp_path, "mnist", settings("mnist", repository, path=str(folder)))
    images, labels = made.digits(30)
    assert np.array_equal(found.training.images[..., 0], images)
    assert np.array_equal(found.training.labels, labels)
    assert np.array_equal(found.held_out.images[..., 0], made.digits(20, seed=1)[0])
    assert found.class_names == tuple("0123456789")


def test_fashions_classes_are_its_makers(tmp_path: Path, repository: Path) -> None:
    """github.com/zalandoresearch/fashion-mnist, the table of labels."""
    folder = made.write_mnist(tmp_path / "mine")
    parameters = settings("fashion-mnist", repository, path=str(folder))
    names = write(tmp_path, "fashion-mnist", parameters).class_names
    assert (names[0], names[5], names[7], names[9]) == (
        "T-shirt",
        "Sandal",
        "Sneaker",
        "Ankle boot",
    )


@pytest.mark.parametrize("kind", ["archive", "unpacked archive", "folder", "inner folder"])
def test_cifar_of_a_folder(tmp_path: Path, repository: Path, kind: str) -> None:
    folder = tmp_path / "mine"
    files = made.cifar_files()
    if "archive" in kind:
        folder.mkdir()
        name, mode = ("tar.gz", "w:gz") if kind == "archive" else ("tar", "w")
        content = made.cifar_archive(files, mode)
        (folder / f"cifar-10-python.{name}").write_bytes(content)
    else:
        made.write_cifar(folder, files)
    if kind == "inner folder":
        folder /= "cifar-10-batches-py"
    found = write(tmp_path, "cifar10", settings("cifar10", repository, path=str(folder)))
    assert found.training.images.shape == (30, 32, 32, 3)
    assert np.array_equal(found.held_out.images, factories.images(6, 32, seed=6))
    assert found.class_names == made.CIFAR_CLASSES


def test_svhns_label_10_is_the_digit_0(tmp_path: Path, repository: Path) -> None:
    files_of("svhn", tmp_path / "mine")
    parameters = settings("svhn", repository, path=str(tmp_path / "mine"))
    found = write(tmp_path, "svhn", parameters)
    assert np.array_equal(found.training.images, factories.images(20, 32))
    assert found.training.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 2
    assert found.class_names == tuple("0123456789")


def test_digits_are_scikit_learns(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    found = write(tmp_path, "digits", digits.Parameters(held_out=297))
    theirs = load_digits()
    assert found.training.images.shape == (1500, 8, 8, 1)
    assert found.held_out.images.shape == (297, 8, 8, 1)
    assert (found.training.images.min(), found.training.images.max()) == (0, 255)
    together = np.concatenate([found.training.images, found.held_out.images])[..., 0]
    assert np.abs(together / 255 * 16 - theirs.images).max() < 0.04  # half a level of 255
    labels = np.concatenate([found.training.labels, found.held_out.labels])
    assert np.array_equal(labels, theirs.target)
    assert len(write(tmp_path, "digits", digits.Parameters(held_out=0)).held_out.images) == 0


@every_download
@pytest.mark.parametrize("split", ["train", "test", "both"])
def test_splits(tmp_path: Path, repository: Path, source: str, split: str) -> None:
    files_of(source, tmp_path / "mine")
    sizes = {"cifar10": (30, 6), "svhn": (20, 20)}.get(source, (30, 20))
    parameters = settings(source, repository, path=str(tmp_path / "mine"), split=split)
    found = write(tmp_path, source, parameters)
    expected = {"train": sizes, "test": sizes[::-1], "both": (sum(sizes), 0)}[split]
    assert (len(found.training.images), len(found.held_out.images)) == expected


# --- from mirrors ------------------------------------------------------------------------------
def pin(source: str, files: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the small files for the originals."""
    known = SOURCES[source]._SHA256
    assert set(known) == set(files)
    for name in known:
        monkeypatch.setitem(known, name, hashlib.sha256(files[name]).hexdigest())


@every_download
def test_fetched_resumed_checked_and_kept(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The first answer breaks off in the middle; the rest comes by Range; the second run asks for
    nothing."""
    files = files_of(source, tmp_path / "mine")
    pin(source, files, monkeypatch)
    cut = next(iter(SOURCES[source]._SHA256))
    served = {f"/data/{name}": Served(content) for name, content in files.items()}
    half = len(files[cut]) // 2
    served[f"/data/{cut}"].faults = [Fault(cut_after_bytes=half)]
    with FileServer(served) as server:
        mirrors = (server.url("/nothing-here"), server.url("/data/"))
        parameters = settings(source, repository, mirrors=mirrors)
        with pytest.raises(DownloadFailed, match="cut at"):
            write(tmp_path, source, parameters)
        found = write(tmp_path, source, parameters)
        resumed = [asked for asked in server.log if asked.path == f"/data/{cut}"][-1]
        assert resumed.status == 206 and resumed.body_bytes < len(files[cut])
        count = len(server.log)
        write(tmp_path, source, parameters)
        assert len(server.log) == count
    local = settings(source, repository, path=str(tmp_path / "mine"))
    assert np.array_equal(found.training.images, write(tmp_path, source, local).training.images)


@every_download
def test_what_is_not_the_original_is_refused_where_it_is_pinned(
    tmp_path: Path, repository: Path, source: str
) -> None:
    files = files_of(source, tmp_path / "mine")
    with FileServer({f"/{name}": Served(content) for name, content in files.items()}) as server:
        parameters = settings(source, repository, mirrors=(server.url(""),))
        with pytest.raises(DownloadCorrupt, match="not the pinned") as error:
            write(tmp_path, source, parameters)
        assert "\n" not in str(error.value)
        unpinned = parameters.model_copy(update={"pinned": False})
        assert len(write(tmp_path, source, unpinned).training.images) > 0


@every_download
def test_a_page_in_place_of_a_file_is_refused_where_nothing_is_pinned(
    tmp_path: Path, repository: Path, source: str
) -> None:
    names = SOURCES[source]._SHA256
    served = {f"/{name}": Served(b"<html>moved</html>" * 100) for name in names}
    with FileServer(served) as server:
        parameters = settings(source, repository, mirrors=(server.url(""),), pinned=False)
        with pytest.raises(DownloadCorrupt, match="no mirror gave the file") as error:
            write(tmp_path, source, parameters)
    assert "\n" not in str(error.value)


def test_a_mirror_may_be_a_folder(tmp_path: Path, repository: Path) -> None:
    made.write_mnist(tmp_path / "mine")
    parameters = settings("mnist", repository, mirrors=("mine",), pinned=False)
    assert len(write(tmp_path, "mnist", parameters).training.images) == 30


def test_the_shipped_mirrors_and_hashes_have_their_form(repository: Path) -> None:
    for source in ("mnist", "fashion-mnist", "cifar10", "svhn"):
        shipped = settings(source, repository)
        assert shipped.pinned and shipped.split == "train" and shipped.path is None
        assert all(mirror.startswith("http") for mirror in shipped.mirrors)
        digests = SOURCES[source]._SHA256.values()
        assert all(len(digest) == 64 and int(digest, 16) for digest in digests)


# --- what is wrong -----------------------------------------------------------------------------
def edited(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return edit


def labels_of(count: int, label: int) -> bytes:
    return gzip.compress(made.idx(np.full(count, label, np.uint8)))


TRAIN_LABELS = f"{made.MNIST_FILES[1]}.gz"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / TRAIN_LABELS).unlink(), "neither train-labels-idx1-ubyte.gz nor"),
        (edited(TRAIN_LABELS, lambda data: data[:-5]), "train-labels.*: cut short or damaged"),
        (edited(TRAIN_LABELS, lambda _: labels_of(29, 1)), "30 images and 29 labels"),
        (edited(TRAIN_LABELS, lambda _: labels_of(30, 11)), "label 11, and there are classes 0 to"),
        (edited(TRAIN_LABELS, lambda _: labels_of(30, 4)), "on of the class 0, 1, 2, 3, 5, 6, 7"),
        (lambda folder: os.rename(folder, folder.with_name("other")), "no such folder"),
    ],
)
def test_a_wrong_folder_of_mnist_is_one_line(
    tmp_path: Path, repository: Path, change: Callable[[Path], None], words: str
) -> None:
    folder = made.write_mnist(tmp_path / "mine")
    change(folder)
    with pytest.raises(InputError, match=words) as error:
        write(tmp_path, "mnist", settings("mnist", repository, path=str(folder)))
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "raw").iterdir())


def test_a_split_that_a_folder_of_cifar_lacks_is_one_line(tmp_path: Path, repository: Path) -> None:
    files = made.cifar_files()
    del files["test_batch"]
    folder = made.write_cifar(tmp_path / "mine", files)
    for split in ("test", "both"):
        parameters = settings("cifar10", repository, path=str(folder), split=split)
        with pytest.raises(InputError, match=rf"split = '{split}': there is no test_batch"):
            write(tmp_path, "cifar10", parameters)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y": np.ones((19, 1), np.uint8)}, "20 images and 19 labels"),
        ({"y": np.zeros((20, 1), np.uint8)}, "y has labels 0 to 0, not 1 to 10"),
        ({"y": np.full((20, 1), 11, np.uint8)}, "y has labels 11 to 11, not 1 to 10"),
        ({"X": np.zeros((32, 32, 3, 20))}, r"X is double \(32, 32, 3, 20\), not uint8"),
        ({"X": np.zeros((32, 32, 20), np.uint8)}, r"X is uint8 \(32, 32, 20\), not uint8 \(height"),
        ({"X": "images"}, "X is char"),
        ({"X": {"a": 1}}, "X is struct"),
    ],
)
def test_a_wrong_mat_is_one_line(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    path = tmp_path / "train_32x32.mat"
    made.write_svhn(path, **changes)
    with pytest.raises(InputError, match=rf"train_32x32\.mat: {words}"):
        svhn.read(path)


def test_a_cut_or_damaged_mat_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "train_32x32.mat"
    made.write_svhn(path)
    whole = path.read_bytes()
    pieces = [whole[:length] for length in (0, 100, 150, 300, len(whole) // 2, len(whole) - 1)]
    for content in (*pieces, b"<html>", whole[:200] + bytes(50) + whole[250:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"train_32x32\.mat: no MATLAB file with X and y"):
            svhn.read(path)
    with pytest.raises(InputError, match="not there"):
        svhn.read(tmp_path / "x.mat")


def test_a_mat_that_says_it_is_huge_is_not_inflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train_32x32.mat"
    made.write_svhn(path)
    monkeypatch.setattr(svhn, "_LIMIT_BYTES", 20 * 3072 - 1)
    monkeypatch.setattr("scipy.io.loadmat", None)  # would be called
    with pytest.raises(InputError, match="X has 61,440 bytes, SVHN has not so many"):
        svhn.read(path)


# --- the real ones -----------------------------------------------------------------------------
def real(name: str) -> Path:
    if name not in os.environ:
        pytest.skip(f"{name} is not set")
    return Path(os.environ[name])


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("module", "name", "first"),
    [(mnist, "MNIST_FOLDER", [5, 0, 4, 1, 9]), (fashion_mnist, "FASHION_FOLDER", [9, 0, 0, 3, 0])],
)
def test_the_originals(
    tmp_path: Path, repository: Path, module: Any, name: str, first: list[int]
) -> None:
    """The pinned hashes are those of the real files, which hold what everybody knows."""
    folder = real(name)
    for file, digest in module._SHA256.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    source = "mnist" if module is mnist else "fashion-mnist"
    found = write(tmp_path, source, settings(source, repository, path=str(folder)))
    assert found.training.images.shape == (60_000, 28, 28, 1)
    assert found.held_out.images.shape == (10_000, 28, 28, 1)
    assert found.training.labels[:5].tolist() == first
    # The means that everybody normalises by: 0.1307 and 0.2860.
    mean = {"mnist": 0.1307, "fashion-mnist": 0.2860}[source]
    assert found.training.images.mean() / 255 == pytest.approx(mean, abs=5e-5)


@pytest.mark.realdata
def test_the_original_batch_of_cifar(tmp_path: Path, repository: Path) -> None:
    folder = real("CIFAR_FOLDER")
    found = write(tmp_path, "cifar10", settings("cifar10", repository, path=str(folder)))
    assert found.training.images.shape == (10_000, 32, 32, 3)
    assert np.bincount(found.training.labels).tolist() == [
        1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981,
    ]  # fmt: skip
    assert found.class_names[6] == "frog" and found.training.labels[0] == 6
    assert issubclass(cifar10.Parameters, Parameters)
