"""One file from a list of mirrors, kept and used again, also by several processes at once."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.download import mirrors
from pipeline.download.mirrors import DownloadCorrupt, DownloadFailed
from pipeline.download.retry import RetryPolicy
from tests.download.fetcher import CUT, OTHER, PIN, WHOLE, Fetcher, ranges, statuses
from tests.standins.file_server import Fault, FileServer, Served


def test_fetches_and_keeps(server: FileServer, fetch: Fetcher) -> None:
    url = server.url("/images.tar")
    assert fetch(url, sha256=PIN) == WHOLE
    fetch.destination.unlink()  # as DVC does before it runs a stage
    assert fetch(url, sha256=PIN) == WHOLE
    assert fetch(url) == WHOLE
    assert len(server.log) == 1
    assert not list(fetch.keep.glob("*.part"))


def test_a_kept_file_that_was_changed_is_fetched_again(server: FileServer, fetch: Fetcher) -> None:
    url = server.url("/images.tar")
    for sha256 in (None, PIN):
        fetch(url, sha256=sha256)
        (kept,) = fetch.keep.glob("images-*.tar")
        kept.chmod(0o644)
        kept.write_bytes(WHOLE[:-1] + b"x")
        assert fetch(url, sha256=sha256) == WHOLE
    assert len(server.log) == 3  # the second round began with the good file of the first


def test_the_kept_file_is_read_only(server: FileServer, fetch: Fetcher) -> None:
    """It shares its bytes with data/raw."""
    fetch(server.url("/images.tar"))
    assert fetch.destination.stat().st_mode & 0o222 == 0
    assert fetch.destination.stat().st_nlink == 2


def test_another_pin_is_not_served_by_a_kept_file(server: FileServer, fetch: Fetcher) -> None:
    fetch(server.url("/images.tar"))
    server.files["/images.tar"].content = OTHER
    other_pin = hashlib.sha256(OTHER).hexdigest()
    assert fetch(server.url("/images.tar"), sha256=other_pin) == OTHER


def test_redirects_are_followed_with_the_range(server: FileServer, fetch: Fetcher) -> None:
    server.files["/old.tar"] = Served(b"", redirect_to="/images.tar")
    server.files["/images.tar"].faults = [Fault(cut_after_bytes=CUT)]
    assert fetch(server.url("/old.tar")) == WHOLE
    assert statuses(server) == [302, 200, 302, 206]


def test_a_redirect_to_itself_ends(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].redirect_to = "/images.tar"
    with pytest.raises(DownloadFailed, match=r"[Rr]edirect"):
        fetch(server.url("/images.tar"))


@pytest.mark.parametrize("length", ["chunked", "none"])
def test_an_unknown_length(server: FileServer, fetch: Fetcher, length: str) -> None:
    server.files["/images.tar"].length = length
    assert fetch(server.url("/images.tar")) == WHOLE


def test_reasons_of_all_mirrors_are_told(server: FileServer, fetch: Fetcher) -> None:
    closed = server.url("/x.tar").replace("//127", "//me:secret@127") + "?token=secret"
    with pytest.raises(DownloadFailed) as caught:
        fetch(closed, str(fetch.folder / "none.tar"), "http://127.0.0.1:1/y.tar", "ftp://h/z.tar")
    message = str(caught.value)
    for reason in (
        r"/x.tar: HTTP 404 Not Found",
        r"none.tar: no such file",
        r"http://127.0.0.1:1/y.tar: Connection refused (after 3 retries)",
        r"ftp://h/z.tar: neither http(s)://",
    ):
        assert reason in message
    assert "secret" not in message
    assert "\n" not in message
    assert not isinstance(caught.value, DownloadCorrupt)


@pytest.mark.parametrize("address", ["http://", "http://[bad/x.tar", "http://a b/x", "file://x/y"])
def test_addresses_that_are_none(fetch: Fetcher, address: str) -> None:
    with pytest.raises(DownloadFailed, match=r"images\.tar: no mirror"):
        fetch(address, retries=0)


@pytest.mark.parametrize("form", ["path", "relative", "file"])
def test_local_mirrors_are_copied(fetch: Fetcher, form: str) -> None:
    source = fetch.folder / "my archives" / "dogs 100%.tar"
    source.parent.mkdir()
    source.write_bytes(WHOLE)
    address = {
        "path": str(source),
        "relative": "my archives/dogs 100%.tar",
        "file": source.as_uri(),
    }[form]
    assert fetch(address, sha256=PIN) == WHOLE
    assert source.stat().st_nlink == 1  # DVC changes the permissions of what it takes
    with pytest.raises(DownloadCorrupt, match="pinned"):
        fetch(address, sha256="0" * 64)


@pytest.mark.parametrize("size", [1, 8191, (1 << 20) + 4096])
def test_a_local_mirror_is_checked_to_its_last_byte(fetch: Fetcher, size: int) -> None:
    """A file's last part is written when it is closed: a check before that sees a cut file."""
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    source = fetch.folder / "local.tar"
    source.write_bytes(content)
    seen = []
    mirrors.fetch(
        [str(source)],
        fetch.destination,
        keep=fetch.keep,
        base=fetch.folder,
        sha256=None,
        policy=RetryPolicy(timeout_s=5, retries=0, retry_wait_s=0),
        check=lambda path: seen.append(path.read_bytes()),
    )
    assert seen == [content]


def test_a_local_mirror_that_is_cut(fetch: Fetcher) -> None:
    source = fetch.folder / "images.tar"
    source.write_bytes(WHOLE[:CUT])
    with pytest.raises(DownloadCorrupt, match="truncated, it has more than its 1,000,000 bytes"):
        fetch(str(source))
    assert not fetch.destination.exists()


def test_the_order_of_mirrors(server: FileServer, fetch: Fetcher) -> None:
    """A kept download comes before a dead first mirror, a local file at its place in the list."""
    dead, good = server.url("/dead.tar"), server.url("/images.tar")
    fetch(dead, good)
    assert fetch(dead, good) == WHOLE
    assert len(server.log) == 2
    local = fetch.folder / "other.tar"
    local.write_bytes(OTHER)
    assert fetch(str(local), good) == OTHER
    assert fetch(good, str(local)) == WHOLE


def test_two_at_once_download_once(server: FileServer, tmp_path: Path) -> None:
    server.files["/images.tar"].bytes_per_second = 4e6
    results = []

    def work(number: int) -> None:
        fetch = Fetcher(tmp_path)
        fetch.destination = tmp_path / f"raw-{number}" / "images.tar"
        results.append(fetch(server.url("/images.tar")))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [WHOLE, WHOLE]
    assert len(server.log) == 1


PROGRAM = """
import sys
from pathlib import Path
from pipeline.download import mirrors
from pipeline.download.retry import RetryPolicy
url, folder = sys.argv[1], Path(sys.argv[2])
mirrors.fetch([url], folder / "raw/images.tar", keep=folder / "keep", base=folder, sha256=None,
              policy=RetryPolicy(5, 3, 0.01), check=lambda path: None)
"""


def test_killed_in_mid_download_it_resumes(
    server: FileServer, fetch: Fetcher, repository: Path
) -> None:
    served = server.files["/images.tar"]
    served.faults = [Fault(stall_after_bytes=CUT, stall_s=60)]
    command = [sys.executable, "-c", PROGRAM, server.url("/images.tar"), str(fetch.folder)]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (parts := list(fetch.keep.glob("*.part"))) or parts[0].stat().st_size < CUT // 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    have = fetch.part.stat().st_size
    assert not fetch.destination.exists()
    assert fetch(server.url("/images.tar")) == WHOLE
    assert ranges(server) == [None, f"bytes={have}-"]
    assert server.log[1].body_bytes == len(WHOLE) - have


def test_records_hold_no_secrets(server: FileServer, fetch: Fetcher) -> None:
    url = server.url("/images.tar").replace("//127", "//me:secret@127")
    fetch(url)
    for path in fetch.keep.iterdir():
        assert "secret" not in path.name
        if path.suffix == ".json":
            assert "secret" not in json.dumps(json.loads(path.read_text()))


def test_a_destination_on_another_file_system(server: FileServer, fetch: Fetcher) -> None:
    """Where no hard link can be made the file is copied."""
    shared_memory = Path("/dev/shm")
    if not os.access(shared_memory, os.W_OK) or (
        shared_memory.stat().st_dev == fetch.folder.stat().st_dev
    ):
        pytest.skip("no second file system here")
    fetch.destination = shared_memory / f"dogs-{os.getpid()}" / "images.tar"
    try:
        assert fetch(server.url("/images.tar")) == WHOLE
        assert fetch.destination.stat().st_nlink == 1
    finally:
        fetch.destination.unlink(missing_ok=True)
        fetch.destination.parent.rmdir()
