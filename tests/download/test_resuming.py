"""Cuts, stalls, busy servers; and that the bytes of two versions never meet in one file."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipeline.download.mirrors import DownloadFailed
from tests.download.fetcher import (
    CUT,
    OTHER,
    PIN,
    WHOLE,
    Fetcher,
    leave_a_part,
    ranges,
    statuses,
    tar_of,
)
from tests.standins.file_server import Fault, FileServer, Served

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


def test_waits_double(server: FileServer, fetch: Fetcher, waits: list[float]) -> None:
    server.files["/images.tar"].faults = [Fault(status=503)] * 4
    fetch(server.url("/images.tar"), retries=4, retry_wait_s=2)
    assert len(waits) == 4
    for wait_s, base_s in zip(waits, (2, 4, 8, 16), strict=True):
        assert base_s <= wait_s <= 1.25 * base_s


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after(server: FileServer, fetch: Fetcher, waits: list[float], as_date: bool) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    header = {"Retry-After": later if as_date else "90"}
    server.files["/images.tar"].faults = [Fault(status=429, headers=header)]
    assert fetch(server.url("/images.tar")) == WHOLE
    (wait_s,) = waits
    assert 60 < wait_s <= 90  # a date is a moment that comes nearer


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
