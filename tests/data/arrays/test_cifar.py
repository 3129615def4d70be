"""CIFAR-10's batches: what they hold, what may be wrong, and that none of them runs anything."""

import os
import pickle
import re
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.common.errors import InputError
from pipeline.data.arrays import cifar
from tests import factories
from tests.data.arrays import made

INNER = "cifar-10-batches-py"


def folder_of(tmp_path: Path, **changes: bytes | None) -> Path:
    """Write CIFAR's files with changes (None leaves one out); return the inner folder."""
    files = made.cifar_files() | changes
    given = {name: content for name, content in files.items() if content is not None}
    return made.write_cifar(tmp_path, given) / INNER


def archive_of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["folder", "w:gz", "w"])
def test_images_labels_and_names(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        path = folder_of(tmp_path)
    else:
        path = archive_of(tmp_path, made.cifar_archive(made.cifar_files(), kind))
    train, test, names = cifar.read(path)
    assert names == made.CIFAR_CLASSES
    expected = np.concatenate([factories.images(6, 32, seed=seed) for seed in range(1, 6)])
    assert np.array_equal(train.images, expected)
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2] * 5
    assert np.array_equal(test.images, factories.images(6, 32, seed=6))
    assert test.labels.dtype == np.int64


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_batches_that_python_3_wrote(tmp_path: Path, protocol: int) -> None:
    rows, labels = made.cifar_rows(6)
    batch = made.python3_batch(rows, labels, protocol)
    if protocol < 2:  # NumPy then writes the array by other calls
        return
    train, _, _ = cifar.read(folder_of(tmp_path, data_batch_1=batch))
    assert np.array_equal(train.images[:6], factories.images(6, 32))


def test_a_folder_may_lack_batches_and_an_archive_may_not(tmp_path: Path) -> None:
    lacking = {name: None for name in ("data_batch_2", "data_batch_4", "test_batch")}
    train, test, _ = cifar.read(folder_of(tmp_path / "some", **lacking))
    assert len(train.images) == 18 and test.images.shape == (0, 32, 32, 3)
    none = {f"data_batch_{number}": None for number in range(1, 6)}
    with pytest.raises(InputError, match="holds none of data_batch_1, data_batch_2"):
        cifar.read(folder_of(tmp_path / "none", **none))
    with pytest.raises(InputError, match=r"holds no batches\.meta"):
        cifar.read(folder_of(tmp_path / "nameless", **{"batches.meta": None}))
    files = made.cifar_files()
    del files["data_batch_3"]
    path = archive_of(tmp_path, made.cifar_archive(files))
    with pytest.raises(InputError, match=r"tar\.gz: holds no data_batch_3$"):
        cifar.read(path)


def test_an_archive_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    for kind, step in (("w:gz", 5003), ("w", 10007)):
        whole = made.cifar_archive(made.cifar_files(), kind)
        # A plain tar ends in blocks of zeros, which say nothing.
        for length in range(0, len(whole) - 10240 * (kind == "w"), step):
            path = archive_of(tmp_path, whole[:length])
            with pytest.raises(InputError, match=r"tar\.gz: (cut short or damaged|holds no)"):
                cifar.read(path)


def test_a_damaged_archive_is_one_line(tmp_path: Path) -> None:
    whole = made.cifar_archive(made.cifar_files())
    for place in range(20, len(whole), 9001):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        with pytest.raises(InputError) as error:
            cifar.read(archive_of(tmp_path, bytes(damaged)))
        assert "\n" not in str(error.value)
    for content in (b"", b"<html>", bytes(2000)):
        with pytest.raises(InputError):
            cifar.read(archive_of(tmp_path, content))
    with pytest.raises(InputError, match="not there"):
        cifar.read(tmp_path / "no.tar.gz")


def test_a_member_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """100 MB of zeros pack to 100 kB; and a file of a folder that is sparse."""
    files = {"data_batch_1": bytes(100 << 20)}
    path = archive_of(tmp_path, made.cifar_archive(files))
    with pytest.raises(InputError, match="data_batch_1 has 104,857,600 bytes"):
        cifar.read(path)
    inner = folder_of(tmp_path / "sparse")
    with open(inner / "test_batch", "wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(InputError, match="test_batch has 104,857,600 bytes"):
        cifar.read(inner)


def test_links_of_an_archive_are_not_followed(tmp_path: Path) -> None:
    path = archive_of(tmp_path, b"")
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo(f"{INNER}/batches.meta")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(InputError, match=r"holds no batches\.meta"):
        cifar.read(path)


ROWS, LABELS = made.cifar_rows(6)


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"data": ROWS, "labels": LABELS[:5]}, "6 images and 5 labels"),
        ({"data": ROWS, "labels": [*LABELS[:5], 3]}, "label 3, and there are classes 0 to 2"),
        ({"data": ROWS, "labels": [*LABELS[:5], -1]}, "label -1, and there are classes 0 to 2"),
        ({"data": ROWS}, "holds no list of numbers under `labels`"),
        ({"data": ROWS, "labels": ["cat"] * 6}, "holds no list of numbers under `labels`"),
        ({"labels": LABELS}, "holds no array of bytes under `data`"),
        ({"data": [1, 2], "labels": LABELS}, "holds no array of bytes under `data`"),
        ({"data": ROWS[:, :-1].copy(), "labels": LABELS}, r"an array \(6, 3071\) of 18,426 bytes"),
        ({"data": ROWS[0], "labels": LABELS}, r"an array \(3072,\) of 3,072 bytes"),
        ({"data": ROWS[:0], "labels": []}, "holds no images"),
    ],
)
def test_what_is_wrong_with_a_batch_is_one_line(tmp_path: Path, batch: dict, words: str) -> None:
    inner = folder_of(tmp_path, data_batch_2=made.python2_pickle(batch))
    start = re.escape(f"{inner}: data_batch_2: ")
    with pytest.raises(InputError, match=f"^{start}.*{words}"):
        cifar.read(inner)


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (b"", "no batch of arrays"),
        (b"\x80\x02}(", "no batch of arrays"),
        (b"not a pickle", "no batch of arrays"),
        (b"\x80\x02].", "holds no dictionary"),
        (pickle.dumps({b"data": ROWS.astype(np.int64), b"labels": LABELS}), "is not of bytes"),
        (pickle.dumps({b"data": np.asfortranarray(ROWS), b"labels": LABELS}), "an array"),
        (pickle.dumps({b"data": ROWS, b"labels": [1 << 70] * 6}), "a label of more than 64 bits"),
        # Room for four thousand million objects, of which there is one.
        (b"\x80\x02Nr" + struct.pack("<I", 0xFFFFFFFF) + b".", "numbers an object 4,294,967,295"),
        # An array that says it is 10 TB large.
        (
            b"\x80\x02}(U\x04data"
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
            b"(K\x01(\x8a\x06\0\0\0\0\0\x0aM\x00\x0ctcnumpy\ndtype\n(U\x02u1tR\x89U\x01xtb"
            b"U\x06labels](K\x00eu.",
            "an array",
        ),
    ],
)
def test_other_pickles_are_one_line(tmp_path: Path, batch: bytes, words: str) -> None:
    inner = folder_of(tmp_path, data_batch_2=batch)
    with pytest.raises(InputError, match=words) as error:
        cifar.read(inner)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("meta", [{"label_names": [1, 2]}, {}, {"label_names": ["cat", "cat"]}])
def test_what_is_wrong_with_the_names_is_one_line(tmp_path: Path, meta: dict) -> None:
    inner = folder_of(tmp_path, **{"batches.meta": made.python2_pickle(meta)})
    with pytest.raises(InputError, match=r"batches\.meta: .*label_names"):
        cifar.read(inner)


# --- code --------------------------------------------------------------------------------------
class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def bad_pickles(marker: Path) -> dict[str, bytes]:
    """Return pickles that would make the file `marker`, or call what can."""
    command = f"touch {marker}"
    by_hand = f"(S'{command}'\ntR.".encode()
    return {
        "os.system": pickle.dumps(Call(os.system, command), protocol=2),
        "os.system in a batch": pickle.dumps(
            {b"data": Call(os.system, command), b"labels": []}, protocol=4
        ),
        "by protocol 0": b"cos\nsystem\n" + by_hand,
        "an instance": b"(ios\nsystem\n" + by_hand[1:],
        "eval": pickle.dumps(Call(eval, f"open({str(marker)!r}, 'w')")),
        "getattr": b"c__builtin__\ngetattr\n.",
        "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0ftesting.os.name\x93.",
        "numpy.load": b"cnumpy\nload\n" + by_hand,
        "an extension": b"\x80\x02\x82\x01.",
        "a persistent name": b"\x80\x02Pos\n.",
        "other text": b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0rot\x86R.",
        "the class of arrays as a target": b"cnumpy\nndarray\n}U\x01aK\x01sb.",
        "the encoder as a target": b"c_codecs\nencode\n}U\x01aK\x01sb.",
        "the type as a target": b"cnumpy\ndtype\nN}U\x06is_allK\x01s\x86b.",
    }


@pytest.mark.parametrize("name", bad_pickles(Path("x")))
def test_no_pickle_runs_anything(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "it-ran"
    bad = bad_pickles(marker)[name]
    inner = folder_of(tmp_path, data_batch_2=bad)
    with pytest.raises(InputError, match=r"data_batch_2: .*(no batch of arrays|holds no)"):
        cifar.read(inner)
    assert not marker.exists()


def test_the_marker_would_show_it(tmp_path: Path) -> None:
    """The known-bad twin: what an unrestricted unpickler does with the same bytes."""
    marker = tmp_path / "it-ran"
    pickle.loads(bad_pickles(marker)["os.system"])
    assert marker.exists()
