"""The resumable fetch against a real server on loopback that misbehaves as told."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from pipeline.common.files import DiskFull
from pipeline.data.archives import reader
from pipeline.download import mirrors
from pipeline.download.mirrors import DownloadCorrupt, DownloadFailed
from pipeline.download.resumable import Patience
from tests.standins.file_server import Fault, FileServer, Served


def tar_of(seed: int, count: int = 12) -> bytes:
    """A tar of 2.4 MB that no two seeds share; all have the same length."""
    rng = random.Random(seed)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for number in range(count):
            member = tarfile.TarInfo(f"Images/c/{number}.jpg")
            member.size = 200_000
            tar.addfile(member, io.BytesIO(rng.randbytes(member.size)))
    return file.getvalue()


WHOLE = tar_of(1)
OTHER = tar_of(2)
assert len(WHOLE) == len(OTHER)
PIN = hashlib.sha256(WHOLE).hexdigest()
CUT = 1_000_000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"/images.tar": Served(WHOLE)}) as running:
        yield running


def check(path: Path) -> None:
    reader.TarArchive(path).close()


class Fetcher:
    """`mirrors.fetch` into a scratch folder, with little patience."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keep = folder / "keep"
        self.destination = folder / "raw" / "images.tar"

    def __call__(
        self,
        *addresses: str,
        sha256: str | None = None,
        timeout_s: float = 5.0,
        retries: int = 3,
        retry_wait_s: float = 0.01,
    ) -> bytes:
        digest = mirrors.fetch(
            addresses,
            self.destination,
            keep=self.keep,
            base=self.folder,
            sha256=sha256,
            patience=Patience(timeout_s, retries, retry_wait_s),
            check=check,
        )
        content = self.destination.read_bytes()
        assert digest == hashlib.sha256(content).hexdigest()
        return content

    @property
    def part(self) -> Path:
        (path,) = self.keep.glob("*.part")
        return path


@pytest.fixture
def fetch(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path)


def ranges(server: FileServer) -> list[str | None]:
    return [asked.range for asked in server.log]


def statuses(server: FileServer) -> list[int]:
    return [asked.status for asked in server.log]


# --- the good cases ------------------------------------------------------------------------------


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


# --- cuts, stalls, busy servers ------------------------------------------------------------------


def test_resumes_after_each_cut(server: FileServer, fetch: Fetcher) -> None:
    served = server.files["/images.tar"]
    served.faults = [Fault(cut_after_bytes=CUT), Fault(cut_after_bytes=CUT)]
    assert fetch(server.url("/images.tar"), retries=2) == WHOLE
    starts = [0, *(int(asked.range.removeprefix("bytes=")[:-1]) for asked in server.log[1:])]
    assert statuses(server) == [200, 206, 206]
    assert all(asked.if_range == served.etag for asked in server.log[1:])
    # A cut loses at most the chunk that was coming.
    assert CUT - (256 << 10) <= starts[1] <= CUT
    assert starts[1] + CUT - (256 << 10) <= starts[2] <= starts[1] + CUT
    assert server.log[2].body_bytes == len(WHOLE) - starts[2]


def test_a_server_that_gives_less_than_asked(server: FileServer, fetch: Fetcher) -> None:
    """It may: a 206 says itself where it ends."""
    served = server.files["/images.tar"]
    served.faults = [Fault(cut_after_bytes=CUT)]
    served.range_bytes = 600_000
    assert fetch(server.url("/images.tar")) == WHOLE
    assert statuses(server) == [200, 206, 206, 206]


def test_a_stall_counts_as_a_cut(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].faults = [Fault(stall_after_bytes=CUT, stall_s=30)]
    start = time.monotonic()
    assert fetch(server.url("/images.tar"), timeout_s=0.3) == WHOLE
    assert time.monotonic() - start < 15
    assert statuses(server) == [200, 206]


def test_retries_come_back_with_progress(server: FileServer, fetch: Fetcher) -> None:
    """750 MB over a line that breaks each 100 MB needs more attempts than `retries`."""
    server.files["/images.tar"].faults = [Fault(cut_after_bytes=1_200_000) for _ in range(2)]
    assert fetch(server.url("/images.tar"), retries=1) == WHOLE


def test_a_line_that_brings_nothing_uses_the_retries_up(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].faults = [Fault(cut_after_bytes=0) for _ in range(99)]
    with pytest.raises(DownloadFailed, match="after 3 retries"):
        fetch(server.url("/images.tar"), retries=3)
    assert len(server.log) == 4
    assert not fetch.destination.exists()


def test_a_server_without_range_that_always_cuts(server: FileServer, fetch: Fetcher) -> None:
    served = server.files["/images.tar"]
    served.ranges = False
    served.faults = [Fault(cut_after_bytes=1_500_000) for _ in range(99)]
    with pytest.raises(DownloadFailed, match=r"cut at 1\.\d MB of 2\.4 MB"):
        fetch(server.url("/images.tar"), retries=2)
    # The first attempt reached further than before it, hence one retry more; later ones don't.
    assert len(server.log) <= 4


def test_a_server_without_range_starts_over(server: FileServer, fetch: Fetcher) -> None:
    served = server.files["/images.tar"]
    served.ranges = False
    served.faults = [Fault(cut_after_bytes=CUT)]
    assert fetch(server.url("/images.tar")) == WHOLE
    assert statuses(server) == [200, 200]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_servers_are_asked_again(server: FileServer, fetch: Fetcher, status: int) -> None:
    server.files["/images.tar"].faults = [Fault(status=status)] * 2
    assert fetch(server.url("/images.tar")) == WHOLE
    assert statuses(server) == [status, status, 200]


def test_waits_double(server: FileServer, fetch: Fetcher, capsys: pytest.CaptureFixture) -> None:
    server.files["/images.tar"].faults = [Fault(status=503)] * 4
    fetch(server.url("/images.tar"), retries=4, retry_wait_s=0.02)
    output = capsys.readouterr().out
    waits = [line.split("attempt in ")[1] for line in output.splitlines() if "attempt in" in line]
    assert waits == ["0.02 s", "0.04 s", "0.08 s", "0.16 s"]


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after(server: FileServer, fetch: Fetcher, as_date: bool) -> None:
    # Dates have whole seconds: 2 s from now is 1 to 2 s.
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    header = {"Retry-After": later if as_date else "1"}
    server.files["/images.tar"].faults = [Fault(status=429, headers=header)]
    start = time.monotonic()
    assert fetch(server.url("/images.tar")) == WHOLE
    assert time.monotonic() - start > 0.7


def test_a_server_that_wants_an_hour_is_given_up(server: FileServer, fetch: Fetcher) -> None:
    busy = Fault(status=503, headers={"Retry-After": "3600"})
    server.files["/busy.tar"] = Served(WHOLE, faults=[busy])
    assert fetch(server.url("/busy.tar"), server.url("/images.tar")) == WHOLE
    with pytest.raises(DownloadFailed, match="HTTP 503, come back in 3,600 s"):
        Fetcher(fetch.folder / "b")(_again(server, busy))


def _again(server: FileServer, fault: Fault) -> str:
    server.files["/busy.tar"].faults = [fault]
    return server.url("/busy.tar")


# --- two files are never glued -------------------------------------------------------------------


def leave_a_part(server: FileServer, fetch: Fetcher, **how: object) -> None:
    """A first run that gives up in mid-file."""
    for name, value in how.items():
        setattr(server.files["/images.tar"], name, value)
    server.files["/images.tar"].faults = [Fault(cut_after_bytes=CUT)]
    with pytest.raises(DownloadFailed):
        fetch(server.url("/images.tar"), retries=0)
    assert CUT - (256 << 10) <= fetch.part.stat().st_size <= CUT
    server.files["/images.tar"].faults = []
    server.log.clear()


def test_another_run_resumes(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch)
    have = fetch.part.stat().st_size
    assert fetch(server.url("/images.tar")) == WHOLE
    assert ranges(server) == [f"bytes={have}-"]


def test_last_modified_alone_is_enough(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch, etag=None)
    assert fetch(server.url("/images.tar")) == WHOLE
    assert server.log[0].if_range == server.files["/images.tar"].last_modified
    assert statuses(server) == [206]


def test_a_weak_etag_promises_no_bytes(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch, etag='W/"1"', last_modified=None)
    assert fetch(server.url("/images.tar")) == WHOLE
    assert ranges(server) == [None]


def test_without_validator_and_pin_it_starts_over(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch, etag=None, last_modified=None)
    assert fetch(server.url("/images.tar")) == WHOLE
    assert ranges(server) == [None]


def test_without_validator_the_pin_decides(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch, etag=None, last_modified=None)
    assert fetch(server.url("/images.tar"), sha256=PIN) == WHOLE
    assert statuses(server) == [206]


def test_without_validator_a_changed_file_is_not_glued(server: FileServer, fetch: Fetcher) -> None:
    """The server goes on with another file's bytes; the hash tells, and the rest is dropped."""
    leave_a_part(server, fetch, etag=None, last_modified=None, content=OTHER)
    server.files["/images.tar"].content = WHOLE
    assert fetch(server.url("/images.tar"), sha256=PIN) == WHOLE
    assert statuses(server) == [206, 200]


@pytest.mark.parametrize("honours_if_range", [True, False])
@pytest.mark.parametrize("validator", ["etag", "last_modified"])
def test_a_file_changed_between_runs(
    server: FileServer, fetch: Fetcher, validator: str, honours_if_range: bool
) -> None:
    other = "last_modified" if validator == "etag" else "etag"
    leave_a_part(server, fetch, **{other: None})
    new = {"etag": '"version-2"', "last_modified": "Sun, 13 Nov 2011 08:00:00 GMT"}[validator]
    server.files["/images.tar"] = replace(
        server.files["/images.tar"],
        content=OTHER,
        honours_if_range=honours_if_range,
        **{validator: new},
    )
    assert fetch(server.url("/images.tar")) == OTHER


def test_a_file_changed_between_attempts(server: FileServer, fetch: Fetcher) -> None:
    new = Served(OTHER, etag='"version-2"')
    server.files["/images.tar"].faults = [Fault(cut_after_bytes=CUT)]
    server.files["/images.tar"].faults += [Fault(before=new)]
    assert fetch(server.url("/images.tar")) == OTHER


def test_a_file_that_became_shorter(server: FileServer, fetch: Fetcher) -> None:
    """The range starts beyond its end: 416."""
    leave_a_part(server, fetch)
    server.files["/images.tar"].content = tar_of(3, count=2)
    assert fetch(server.url("/images.tar")) == tar_of(3, count=2)
    assert statuses(server) == [416, 200]


@pytest.mark.parametrize("answer", ["bytes 0-9/10", "bytes 5-2458111/2458112", "nonsense"])
def test_a_wrong_content_range(server: FileServer, fetch: Fetcher, answer: str) -> None:
    leave_a_part(server, fetch, content_range=answer)
    assert fetch(server.url("/images.tar")) == WHOLE
    assert statuses(server) == [206, 200]


def test_a_part_without_its_record_starts_over(server: FileServer, fetch: Fetcher) -> None:
    for content in (None, "{", '{"length": 5}', "[]"):
        leave_a_part(server, fetch)
        (record,) = fetch.keep.glob("*.json")
        record.unlink()
        if content:
            record.write_text(content)
        assert fetch(server.url("/images.tar")) == WHOLE
        assert ranges(server) == [None]
        for path in fetch.keep.iterdir():
            path.unlink()


def test_killed_between_the_last_byte_and_the_renaming(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch)
    fetch.part.write_bytes(WHOLE)
    assert fetch(server.url("/images.tar")) == WHOLE
    assert server.log == []


def test_each_address_has_its_own_part(server: FileServer, fetch: Fetcher) -> None:
    leave_a_part(server, fetch)
    server.files["/other.tar"] = Served(OTHER)  # with the same ETag
    assert fetch(server.url("/other.tar")) == OTHER
    assert ranges(server) == [None]


# --- whole, and the right one --------------------------------------------------------------------


def test_a_wrong_hash_goes_to_the_next_mirror(server: FileServer, fetch: Fetcher) -> None:
    server.files["/other.tar"] = Served(OTHER)
    addresses = (server.url("/other.tar"), server.url("/images.tar"))
    assert fetch(*addresses, sha256=PIN) == WHOLE
    assert [asked.path for asked in server.log] == ["/other.tar", "/images.tar"]


def test_a_wrong_hash_everywhere(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].content = OTHER
    for _ in range(2):
        with pytest.raises(DownloadCorrupt, match=f"not the pinned {PIN}"):
            fetch(server.url("/images.tar"), sha256=PIN)
    assert ranges(server) == [None, None]  # nothing of the bad file is used again
    assert not list(fetch.keep.glob("*.tar")) and not list(fetch.keep.glob("*.part"))
    assert not fetch.destination.exists()


def test_a_page_instead_of_the_file(server: FileServer, fetch: Fetcher) -> None:
    """What a hotel's network answers to anything."""
    page = b"<html>please log in</html>" * 99
    server.files["/images.tar"] = Served(page, content_type="text/html")
    with pytest.raises(DownloadCorrupt, match=r"not a whole uncompressed tar .*text/html"):
        fetch(server.url("/images.tar"))
    assert len(server.log) == 1


@pytest.mark.parametrize("length", ["none", "true"])
def test_a_cut_tar_is_no_file(server: FileServer, fetch: Fetcher, length: str) -> None:
    """The mirror's own copy is cut, or the end of an answer without a length is a cut."""
    server.files["/images.tar"] = Served(WHOLE[: 5 * 200_704], length=length)
    with pytest.raises(DownloadFailed, match="truncated, it has more than its 1,003,520 bytes"):
        fetch(server.url("/images.tar"), retries=1)
    assert not fetch.destination.exists()


def test_less_than_promised(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].length = str(len(WHOLE) + 5)
    with pytest.raises(DownloadFailed):
        fetch(server.url("/images.tar"), retries=1)
    assert not fetch.destination.exists()


def test_more_than_promised(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].length = str(len(WHOLE) - 50_000)
    with pytest.raises(DownloadCorrupt):
        fetch(server.url("/images.tar"), retries=1)


def test_a_cut_in_a_chunked_answer(server: FileServer, fetch: Fetcher) -> None:
    served = server.files["/images.tar"]
    served.length = "chunked"
    served.faults = [Fault(cut_after_bytes=CUT)]
    assert fetch(server.url("/images.tar")) == WHOLE
    assert statuses(server) == [200, 206]


def test_a_compressed_answer_is_refused(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].extra_headers = {"Content-Encoding": "gzip"}
    with pytest.raises(DownloadFailed, match="compressed"):
        fetch(server.url("/images.tar"))


def test_a_disk_too_small_is_told_before_the_first_byte(server: FileServer, fetch: Fetcher) -> None:
    server.files["/images.tar"].length = str(10**18)
    with pytest.raises(DiskFull, match=r"images\.tar needs 1,000,000,000,000\.0 MB.* room for"):
        fetch(server.url("/images.tar"), server.url("/images.tar"))
    assert len(server.log) == 1
    assert sum(path.stat().st_size for path in fetch.keep.glob("*.part")) == 0


# --- mirrors -------------------------------------------------------------------------------------


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


# --- several processes ---------------------------------------------------------------------------


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
from pipeline.download.resumable import Patience
url, folder = sys.argv[1], Path(sys.argv[2])
mirrors.fetch([url], folder / "raw/images.tar", keep=folder / "keep", base=folder, sha256=None,
              patience=Patience(5, 3, 0.01), check=lambda path: None)
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
