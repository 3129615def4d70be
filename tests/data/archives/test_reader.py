"""Archives are built here with the standard library's writers, byte by byte where they refuse."""

import io
import multiprocessing
import os
import pickle
import random
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.common.errors import InputError
from pipeline.data.archives import reader
from pipeline.data.archives.reader import Archive, ArchiveDamaged

FILES = {
    "Images/n01-Beagle/b.jpg": b"bb" * 300,
    "Images/n01-Beagle/a.jpg": b"a" * 512,
    "Images/n02-Pug/é.jpg": b"",
    "Images/n02-Pug/" + "long" * 40 + ".jpg": b"x",
}


@pytest.fixture(params=["tar", "zip"])
def archive_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"images.{request.param}"
    if request.param == "tar":
        with tarfile.open(path, "w") as tar:
            for name, content in FILES.items():
                add_to_tar(tar, name, content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in FILES.items():
                file.writestr(name, content)
    return path


def add_to_tar(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(content))


def contents(archive: Archive) -> dict[str, bytes]:
    return {name: archive.read(name) for name in archive.names}


# --- whole archives ------------------------------------------------------------------------------


def test_gives_what_was_put_in(archive_path: Path) -> None:
    with reader.open_archive(archive_path.parent, "images") as archive:
        assert archive.names == tuple(sorted(FILES))
        assert contents(archive) == FILES
        assert archive.skipped == ()
        assert archive.path == archive_path
        with pytest.raises(KeyError):
            archive.read("Images/none.jpg")


def test_gnu_format_with_long_names(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in FILES.items():
            add_to_tar(tar, name, content)
    with reader.TarArchive(path) as archive:
        assert contents(archive) == FILES


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_member_is_where_tarfile_finds_it(tmp_path: Path, form: int) -> None:
    """The plain headers are read without tarfile, so both must agree wherever the change comes."""
    rng = random.Random(form)
    kinds = {
        "plain": lambda n: {"name": f"d/{n}.jpg"},
        "empty": lambda n: {"name": f"empty/{n}"},
        "long": lambda n: {"name": f"{'deep/' * 30}{n}.jpg"},
        "accent": lambda n: {"name": f"é/{n}.jpg"},
        "folder": lambda n: {"name": f"d{n}", "type": tarfile.DIRTYPE},
        "link": lambda n: {"name": f"l{n}", "type": tarfile.SYMTYPE, "linkname": "x"},
        "old": lambda n: {"name": f"old/{n}", "type": tarfile.AREGTYPE},
        "time": lambda n: {"name": f"t/{n}", "mtime": 1.5},
        "owner": lambda n: {"name": f"o/{n}", "uid": 70_000, "uname": "é"},
    }
    path = tmp_path / "images.tar"
    for _ in range(30):
        with tarfile.open(path, "w", format=form) as tar:
            for number in range(20):
                kind = rng.choice(["plain", "plain", "plain", *kinds])
                fields = kinds[kind](number)
                plain = kind not in ("folder", "link", "empty")
                add_to_tar(tar, content=rng.randbytes(rng.randrange(1, 1500) * plain), **fields)
        with tarfile.open(path) as tar:
            expected = {m.name: tar.extractfile(m).read() for m in tar if m.isreg()}
        with reader.TarArchive(path) as archive:
            assert contents(archive) == expected
            assert {reason for _, reason in archive.skipped} <= {"link"}


def test_a_pickled_copy_reads_the_same(archive_path: Path) -> None:
    with reader.open_path(archive_path) as archive:
        with pickle.loads(pickle.dumps(archive)) as copy:
            assert contents(copy) == FILES
        assert contents(archive) == FILES


def _read_many(archive: Archive, seed: int) -> bool:
    names = random.Random(seed).choices(archive.names, k=400)
    return all(archive.read(name) == FILES[name] for name in names)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_many_processes_read_at_once(archive_path: Path, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    context = multiprocessing.get_context(method)
    with reader.open_path(archive_path) as archive:
        # Forked children share the descriptor, and with it a position that they must not use.
        workers = [context.Process(target=_exit_with, args=(archive, seed)) for seed in range(2)]
        for worker in workers:
            worker.start()
        assert _read_many(archive, 99)
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0


def _exit_with(archive: Archive, seed: int) -> None:
    os._exit(0 if _read_many(archive, seed) else 1)


def test_leading_dot_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as tar:
        add_to_tar(tar, "./", type=tarfile.DIRTYPE)
        add_to_tar(tar, "./Images", type=tarfile.DIRTYPE)
        add_to_tar(tar, "./Images//a.jpg", b"a")
    with reader.TarArchive(path) as archive:
        assert contents(archive) == {"Images/a.jpg": b"a"}
        assert archive.skipped == ()


def test_an_empty_tar_has_no_members(tmp_path: Path) -> None:
    reader.write_tar(tmp_path / "annotation.tar", ())
    with reader.open_archive(tmp_path, "annotation") as archive:
        assert archive.names == () and archive.skipped == ()


def test_which_of_the_two_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no images\.tar or images\.zip; run the download stage"):
        reader.open_archive(tmp_path, "images")
    reader.write_tar(tmp_path / "images.tar", ())
    (tmp_path / "images.zip").write_bytes(b"")
    with pytest.raises(InputError, match="both there"):
        reader.open_archive(tmp_path, "images")


# --- members that are left out -------------------------------------------------------------------

UNSAFE = ["/etc/passwd", "../up.jpg", "a/../../up.jpg", "a\\..\\up.jpg", "C:/x.jpg", "a\nb.jpg"]
HIDDEN = [".hidden.jpg", "a/.DS_Store", "__MACOSX/a/x.jpg"]


def test_tar_members_left_out(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    with tarfile.open(path, "w") as tar:
        add_to_tar(tar, "ok.jpg", b"first")
        for name in UNSAFE + HIDDEN:
            add_to_tar(tar, name, b"bad")
        add_to_tar(tar, "symbolic.jpg", type=tarfile.SYMTYPE, linkname=str(secret))
        add_to_tar(tar, "hard.jpg", type=tarfile.LNKTYPE, linkname="ok.jpg")
        add_to_tar(tar, "pipe.jpg", type=tarfile.FIFOTYPE)
        add_to_tar(tar, "disk.jpg", type=tarfile.BLKTYPE)
        add_to_tar(tar, "tty.jpg", type=tarfile.CHRTYPE)
        add_to_tar(tar, "ok.jpg", b"second")
        add_to_tar(tar, "./ok.jpg", b"third")
        add_to_tar(tar, "last.jpg", b"last")
    before = sorted(tmp_path.rglob("*"))
    with reader.TarArchive(path) as archive:
        assert contents(archive) == {"ok.jpg": b"first", "last.jpg": b"last"}
        assert dict(archive.skipped) == {
            **dict.fromkeys(UNSAFE, "unsafe name"),
            **dict.fromkeys(HIDDEN, "hidden file"),
            **dict.fromkeys(("symbolic.jpg", "hard.jpg"), "link"),
            **dict.fromkeys(("pipe.jpg", "disk.jpg", "tty.jpg"), "device"),
            **dict.fromkeys(("ok.jpg", "./ok.jpg"), "duplicate name"),
        }
        assert archive.skipped_summary() == (
            "3 device, 2 duplicate name, 3 hidden file, 2 link, 6 unsafe name"
        )
    assert sorted(tmp_path.rglob("*")) == before  # nothing was written


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as tar:
        add_to_tar(tar, "caf\xe9.jpg", b"x")
    with reader.TarArchive(path) as archive:
        assert archive.names == ()
        assert [reason for _, reason in archive.skipped] == ["unsafe name"]


def test_zip_members_left_out(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ok.jpg", b"ok")
        for name in UNSAFE + HIDDEN:
            file.writestr(name, b"bad")
        for name, kind in (("link.jpg", stat.S_IFLNK), ("pipe.jpg", stat.S_IFIFO)):
            member = zipfile.ZipInfo(name)
            member.external_attr = (kind | 0o777) << 16
            file.writestr(member, b"/etc/passwd")
        file.writestr("lzma.jpg", b"x" * 99, compress_type=zipfile.ZIP_LZMA)
        file.writestr("secret.jpg", b"s")
    content = bytearray(path.read_bytes())
    # Python writes no encrypted members: set the flag in the central directory by hand.
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 8] |= 1
    path.write_bytes(content)
    with reader.ZipArchive(path) as archive:
        assert contents(archive) == {"ok.jpg": b"ok"}
        assert dict(archive.skipped) == {
            **dict.fromkeys(UNSAFE, "unsafe name"),
            **dict.fromkeys(HIDDEN, "hidden file"),
            "link.jpg": "link",
            "pipe.jpg": "device",
            "lzma.jpg": "compressed by LZMA (only deflate is read: unpack the archive)",
            "secret.jpg": "encrypted",
        }


def test_the_names_of_an_old_windows_program(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("Images\\pug\\", b"")
        file.writestr("Images\\pug\\a.jpg", b"a")
        file.writestr("Images\\pug\\Thumbs.db", b"x")
        file.writestr("Images\\..\\..\\up.jpg", b"x")
    with reader.ZipArchive(path) as archive:
        assert contents(archive) == {"Images/pug/a.jpg": b"a"}
        assert archive.skipped_summary() == "1 hidden file, 1 unsafe name"


def test_utf8_names_without_the_flag_that_says_so(tmp_path: Path) -> None:
    """What macOS and zip on Linux may write; Python alone reads cp437."""
    names = {"Löwchen.jpg": b"1", "犬.jpg": b"2", "plain.jpg": b"3"}
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in names.items():
            file.writestr(name, content)
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        start = -1
        while (start := content.find(magic, start + 1)) >= 0:
            content[start + flags + 1] &= ~0x08
    path.write_bytes(content)
    with zipfile.ZipFile(path) as file:
        assert "Löwchen.jpg" not in file.namelist()
    with reader.ZipArchive(path) as archive:
        assert contents(archive) == names


def test_a_name_in_cp437_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("L?wchen.jpg", b"1")
    path.write_bytes(path.read_bytes().replace(b"L?wchen", "Löwchen".encode("cp437")))
    with reader.ZipArchive(path) as archive:
        assert contents(archive) == {"Löwchen.jpg": b"1"}


def test_an_archive_without_usable_files_says_why(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        for number in range(3):
            file.writestr(f"{number}.jpg", b"x" * 99)
    with (
        reader.ZipArchive(path) as archive,
        pytest.raises(InputError, match="none of its 3 files can be used: 3 compressed by LZMA"),
    ):
        archive.require_files()
    reader.write_tar(tmp_path / "images.tar", ())
    with (
        reader.TarArchive(tmp_path / "images.tar") as archive,
        pytest.raises(InputError, match=r"images\.tar: holds no files"),
    ):
        archive.require_files()


def test_a_zip_without_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w"):
        pass
    with pytest.raises(ArchiveDamaged, match=r"\(it is a zip without files\)"):
        reader.open_archive(tmp_path, "images")


def test_a_bomb_is_never_inflated(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    zeros = bytes(1 << 20)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("bomb.jpg", "w", force_zip64=True) as member,
    ):
        for _ in range((reader.MEMBER_LIMIT_BYTES >> 20) + 1):
            member.write(zeros)
    assert path.stat().st_size < 200_000
    with reader.ZipArchive(path) as archive:
        assert archive.names == ()
        assert archive.skipped == (("bomb.jpg", "over 64 MiB"),)


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.jpg", bytes(8 << 20))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (100).to_bytes(4, "little")  # uncompressed size
    path.write_bytes(content)
    with reader.ZipArchive(path) as archive, pytest.raises(ArchiveDamaged, match=r"bomb\.jpg"):
        archive.read("bomb.jpg")


# --- damage --------------------------------------------------------------------------------------


def small_tar(tmp_path: Path) -> bytes:
    path = tmp_path / "whole.tar"
    reader.write_tar(path, [(f"Images/c/{i}.jpg", bytes([i]) * 700) for i in range(5)])
    return path.read_bytes()


def test_a_cut_tar_is_an_error_wherever_the_cut(tmp_path: Path) -> None:
    """tarfile itself gives fewer members, without a word, for a cut between two of them."""
    whole = small_tar(tmp_path)
    path = tmp_path / "images.tar"
    end = 5 * (512 + 1024)  # five members of a header and 700 bytes in two blocks; then zeros
    for cut in [*range(0, end + 1, 256), end + 511]:
        path.write_bytes(whole[:cut])
        with pytest.raises(ArchiveDamaged, match=r"images\.tar"):
            reader.TarArchive(path)
    # With one block of the end mark, all members are there.
    path.write_bytes(whole[: end + 512])
    assert len(reader.TarArchive(path).names) == 5


def test_a_hole_in_a_tar_is_an_error(tmp_path: Path) -> None:
    whole = bytearray(small_tar(tmp_path))
    whole[3 * 1536 : 3 * 1536 + 1536] = bytes(1536)  # the fourth member, as a bad download has it
    path = tmp_path / "images.tar"
    path.write_bytes(whole)
    with pytest.raises(ArchiveDamaged, match="near byte 4608"):
        reader.TarArchive(path)


def test_a_tail_of_zeros_is_an_error(tmp_path: Path) -> None:
    """What a download leaves that reserved its space and was cut."""
    whole = small_tar(tmp_path)
    path = tmp_path / "images.tar"
    path.write_bytes(whole[: 2 * 1536] + bytes(2 << 20))
    with pytest.raises(ArchiveDamaged, match="only zeros from byte 3072"):
        reader.TarArchive(path)
    path.write_bytes(whole[: 5 * 1536] + bytes(1 << 20))
    assert len(reader.TarArchive(path).names) == 5


def test_a_broken_header_is_an_error(tmp_path: Path) -> None:
    whole = bytearray(small_tar(tmp_path))
    whole[3 * 1536 + 2] ^= 0xFF
    path = tmp_path / "images.tar"
    path.write_bytes(whole)
    with pytest.raises(ArchiveDamaged, match="near byte 4608"):
        reader.TarArchive(path)


def test_a_negative_size_does_not_loop(tmp_path: Path) -> None:
    """CVE-2025-8194: tarfile goes back to the same header for ever."""
    header = bytearray(tarfile.TarInfo("a.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + (-512 & 0xFFFF).to_bytes(2, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    path = tmp_path / "images.tar"
    path.write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(ArchiveDamaged):
        reader.TarArchive(path)


@pytest.mark.parametrize(
    ("compression", "cause"),
    [
        ("gz", r"\(it is compressed by gzip\); decompress it first \(gzip -d\)"),
        ("bz2", r"\(it is compressed by bzip2\); decompress it first \(bzip2 -d\)"),
        ("xz", r"\(it is compressed by xz\); decompress it first \(xz -d\)"),
    ],
)
def test_a_compressed_tar_is_an_error(tmp_path: Path, compression: str, cause: str) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, f"w:{compression}") as tar:
        add_to_tar(tar, "a.jpg", b"a")
    with pytest.raises(ArchiveDamaged, match=f"not a whole uncompressed tar {cause}$"):
        reader.TarArchive(path)


@pytest.mark.parametrize("suffix", ["tar", "zip"])
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html><body>File not found</body></html>", "it is a web page"),
        (b"\xef\xbb\xbf\n <html>" + bytes(2000), "it is a web page"),
        (b"Rar!\x1a\x07\x00" + bytes(2000), "it is a rar archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(2000), "it is a 7z archive"),
    ],
)
def test_another_file_by_that_name_is_called_what_it_is(
    tmp_path: Path, suffix: str, content: bytes, cause: str
) -> None:
    path = tmp_path / f"images.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ArchiveDamaged, match=rf"not a whole .*{suffix} \({cause}"):
        reader.open_path(path)


def test_a_zip_named_tar_and_a_tar_named_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.tar", "w") as file:
        file.writestr("a.jpg", b"a")
    with pytest.raises(ArchiveDamaged, match=r"images\.tar: .*\(it is a zip\)"):
        reader.open_path(tmp_path / "images.tar")
    reader.write_tar(tmp_path / "images.zip", [("a.jpg", b"a")])
    with pytest.raises(ArchiveDamaged, match=r"images\.zip: .*\(it is a tar\)"):
        reader.open_path(tmp_path / "images.zip")


@pytest.mark.parametrize("size", [512, 1024, 10_240, 30_720, 21 << 20])
def test_zeros_are_no_empty_archive(tmp_path: Path, size: int) -> None:
    """What a disk that failed leaves; Python's tarfile takes it for an archive without files."""
    path = tmp_path / "annotation.tar"
    path.write_bytes(bytes(size))
    with tarfile.open(path) as tar:
        assert tar.getmembers() == []
    with pytest.raises(ArchiveDamaged, match=r"annotation\.tar: only zeros"):
        reader.TarArchive(path)


def test_a_cut_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(5):
            file.writestr(f"{number}.jpg", os.urandom(700))
    whole = path.read_bytes()
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(ArchiveDamaged, match=r"images\.zip"):
            reader.ZipArchive(path)


def test_a_flipped_byte_in_a_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.jpg", b"0123456789")
    content = bytearray(path.read_bytes())
    content[content.index(b"0123456789") + 4] ^= 1
    path.write_bytes(content)
    with (
        reader.ZipArchive(path) as archive,
        pytest.raises(ArchiveDamaged, match=r"a\.jpg is damaged"),
    ):
        archive.read("a.jpg")


def test_a_file_cut_after_it_was_opened(archive_path: Path) -> None:
    with reader.open_path(archive_path) as archive:
        os.truncate(archive_path, 60)
        with pytest.raises(ArchiveDamaged):
            contents(archive)


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_noise_is_damage_or_members_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    """Flipped bytes anywhere give members or ArchiveDamaged: no other error, no endless loop."""
    path = tmp_path / f"images.{suffix}"
    if suffix == "tar":
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in FILES.items():
                add_to_tar(tar, name, content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in FILES.items():
                file.writestr(name, content)
    whole = path.read_bytes().rstrip(b"\0") + bytes(1024)
    rng = random.Random(1)
    damaged = 0
    for _ in range(200):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        path.write_bytes(broken)
        try:
            with reader.open_path(path) as archive:
                contents(archive)
        except ArchiveDamaged:
            damaged += 1
    assert damaged > 30


# --- writing -------------------------------------------------------------------------------------


def test_written_tar_is_read_by_tarfile_and_always_the_same(tmp_path: Path) -> None:
    paths = [tmp_path / "a.tar", tmp_path / "b.tar"]
    for path in paths:
        reader.write_tar(path, iter(FILES.items()))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with tarfile.open(paths[0]) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == list(FILES)
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
            (0, 0, 0, "", "", 0o644)
        }
        assert [tar.extractfile(member).read() for member in members] == list(FILES.values())


@pytest.mark.parametrize("name", [*UNSAFE, *HIDDEN, ""])
def test_a_name_that_would_not_be_read_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"images\.tar"):
        reader.write_tar(tmp_path / "images.tar", [(name, b"")])
    assert list(tmp_path.iterdir()) == []


def test_a_name_given_twice_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="duplicate"):
        reader.write_tar(tmp_path / "images.tar", [("a", b""), ("a", b"")])


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    reader.write_tar(path, [("a.jpg", b"old")])
    old = path.read_bytes()

    def failing():
        yield "a.jpg", b"new"
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        reader.write_tar(path, failing())
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
