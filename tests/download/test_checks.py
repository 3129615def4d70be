"""What came is whole, and the right file, or it is no file."""

import pytest

from pipeline.common.files import DiskFull
from pipeline.download.mirrors import DownloadCorrupt, DownloadFailed
from tests.download.fetcher import CUT, OTHER, PIN, WHOLE, Fetcher, ranges, statuses
from tests.standins.file_server import Fault, FileServer, Served


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
