"""Archives to fetch, and `mirrors.fetch` with little patience, for the tests of downloads."""

import hashlib
import io
import random
import tarfile
from pathlib import Path

import pytest

from pipeline.data.archives import reader
from pipeline.download import mirrors
from pipeline.download.mirrors import DownloadFailed
from pipeline.download.retry import RetryPolicy
from tests.standins.file_server import Fault, FileServer


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
            policy=RetryPolicy(timeout_s, retries, retry_wait_s),
            check=check,
        )
        content = self.destination.read_bytes()
        assert digest == hashlib.sha256(content).hexdigest()
        return content

    @property
    def part(self) -> Path:
        (path,) = self.keep.glob("*.part")
        return path


def ranges(server: FileServer) -> list[str | None]:
    return [asked.range for asked in server.log]


def statuses(server: FileServer) -> list[int]:
    return [asked.status for asked in server.log]


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
