"""Zips to and from the signed addresses that Kaggle hands out.

The client starts an upload anew at each cut, swallows its errors and knows no deadline, hence this.
Neither direction carries credentials: the address is the permission, so it is kept out of messages.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.common import progress
from pipeline.common.errors import InputError
from pipeline.download.errors import FileCorrupt, GaveUp, PermanentFailure
from pipeline.download.request import send
from pipeline.download.resumable import Download
from pipeline.download.retry import Retryable, RetryPolicy, repeat
from pipeline.kaggle.api.errors import RequestRefused
from pipeline.kaggle.api.once import unavailable

_BLOCK_BYTES = 1 << 18
_INCOMPLETE = 308  # of an upload: "resume incomplete"
_EXPIRED = (403, 410)  # of a signed address that was good


def upload(path: Path, address: str, policy: RetryPolicy) -> None:
    """Put a file to a resumable upload address (Google Cloud Storage's protocol).

    After a cut the server is asked how much it has, and only the rest is sent.

    Raises:
        RequestRefused: the server does not take the file.
        Unavailable: the retries are used up.
    """
    what = f"uploading {path.name}"
    size = path.stat().st_size
    begun = False
    with progress.bar(label=what, total=size, is_bytes=True) as bar:

        def put_the_rest() -> None:
            nonlocal begun
            start = _uploaded_bytes(address, size, policy.timeout_s) if begun else 0
            begun = True
            if start < size:
                bar.update(start - bar.n)
                _put(path, address, start, size, policy.timeout_s, bar)

        try:
            repeat(what, put_the_rest, policy)
        except PermanentFailure as error:
            raise RequestRefused(f"{what}: Kaggle's storage refused ({error})") from None
        except GaveUp as error:
            raise unavailable(what, error) from None


def _put(path: Path, address: str, start: int, size: int, timeout_s: float, bar: Any) -> None:
    def rest() -> Iterator[bytes]:
        with open(path, "rb") as file:
            file.seek(start)
            while block := file.read(_BLOCK_BYTES):
                yield block
                bar.update(len(block))

    headers = {"Content-Length": str(size - start)}
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    body = _Sized(rest(), size - start)
    with send(
        "PUT",
        address,
        timeout_s=timeout_s,
        accepted=(200, 201, _INCOMPLETE),
        data=body,
        headers=headers,
    ) as answer:
        if answer.status_code == _INCOMPLETE:
            raise Retryable("Kaggle's storage did not take all of it")


class _Sized:
    """An iterable body with a known length, so that requests does not send it in chunks."""

    def __init__(self, blocks: Iterator[bytes], length: int) -> None:
        self.blocks = blocks
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks

    def __len__(self) -> int:
        return self.length


def _uploaded_bytes(address: str, size: int, timeout_s: float) -> int:
    """Return how many bytes the server has."""
    headers = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
    accepted = (200, 201, _INCOMPLETE)
    with send("PUT", address, timeout_s=timeout_s, accepted=accepted, headers=headers) as answer:
        if answer.status_code != _INCOMPLETE:
            return size
        have = re.fullmatch(r"bytes=0-([0-9]+)", answer.headers.get("Range", ""))
        return int(have[1]) + 1 if have else 0


def download(address: Callable[[], str], path: Path, policy: RetryPolicy) -> None:
    """Fetch a zip; `path` appears only whole.

    What came before a cut stays in `<path>.part` and is taken up again, also by a later run, as
    long as the server says that the file is still the same.

    Args:
        address: gives a fresh signed address, as an old one expires.

    Raises:
        Unavailable: the retries are used up; the partial file stays.
        RequestRefused: the storage does not give the file.
        FileCorrupt: what it gives is no whole zip.
    """
    what = f"downloading {path.name}"
    fetched = Download(path, address, name=path.name, expired=_EXPIRED)
    try:
        fetched.run(sha256=None, policy=policy, check=check_zip)
    except FileCorrupt as error:
        raise FileCorrupt(f"{path.name}: {error}; run the same command again") from None
    except PermanentFailure as error:
        raise RequestRefused(f"{what}: Kaggle's storage refused ({error})") from None
    except GaveUp as error:
        raise unavailable(what, error) from None
    fetched.forget()


def check_zip(path: Path) -> None:
    """Read every entry of a zip and compare its checksum.

    Raises:
        InputError: an entry is broken, or the file is no zip or a cut one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: not a whole zip ({error})") from None
    if broken:
        raise InputError(f"{path}: not a whole zip (broken at {broken})")
