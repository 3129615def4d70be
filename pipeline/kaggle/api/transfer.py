"""Bytes to and from the signed addresses that Kaggle hands out: resumed, checked, with deadlines.

The client starts an upload anew at each cut, swallows its errors and knows no deadline, hence this.
Neither direction carries credentials: the address is the permission, so it is kept out of messages.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.common import files, progress
from pipeline.kaggle.api.errors import DownloadCorrupt, RequestRefused
from pipeline.kaggle.api.retry import Again, Patience, repeat, retry_after_s

_BLOCK_BYTES = 1 << 18


def without_address(text: str) -> str:
    """An error's text without the addresses in it, which may be signed."""
    return re.sub(r"\s*(for url: )?https?://\S+", "", text)[:300]


def upload(path: Path, address: str, patience: Patience) -> None:
    """Put a file to a resumable upload address (Google Cloud Storage's protocol).

    After a cut the server is asked how much it has, and only the rest is sent.

    Raises:
        RequestRefused: the server does not take the file.
        Unavailable: patience ended.
    """
    size = path.stat().st_size
    begun = False
    with progress.bar(label=f"uploading {path.name}", total=size, is_bytes=True) as bar:

        def attempt() -> None:
            nonlocal begun
            start = _uploaded(address, size, patience) if begun else 0
            begun = True
            if start < size:
                bar.update(start - bar.n)
                _put(path, address, start, size, patience, bar)

        repeat(f"uploading {path.name}", attempt, patience)


def _put(path: Path, address: str, start: int, size: int, patience: Patience, bar: Any) -> None:
    def rest() -> Iterator[bytes]:
        with open(path, "rb") as file:
            file.seek(start)
            while block := file.read(_BLOCK_BYTES):
                yield block
                bar.update(len(block))

    headers = {"Content-Length": str(size - start)}
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    with _request("PUT", address, patience, data=_Sized(rest(), size - start), headers=headers):
        pass


class _Sized:
    """An iterable body with a known length, so that requests does not send it in chunks."""

    def __init__(self, blocks: Iterator[bytes], length: int) -> None:
        self.blocks = blocks
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks

    def __len__(self) -> int:
        return self.length


def _uploaded(address: str, size: int, patience: Patience) -> int:
    """How many bytes the server has."""
    headers = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
    with _request("PUT", address, patience, headers=headers) as answer:
        if answer.status_code != 308:  # "resume incomplete"; anything else that is good: complete
            return size
        have = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("Range", ""))
        return int(have[1]) + 1 if have else 0


def download(address: Callable[[], str], path: Path, patience: Patience) -> None:
    """Fetch a file; `path` appears only whole.

    What came before a cut stays in `<path>.part` and is taken up again, also by a later run, as
    long as the server says that the file is still the same.

    Args:
        address: gives a fresh signed address, as an old one expires.

    Raises:
        Unavailable: patience ended; the partial file stays.
        RequestRefused: the storage does not give the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    version = path.with_name(f"{path.name}.version")  # which version `part` is a part of
    with progress.bar(label=path.name, is_bytes=True) as bar:
        repeat(
            f"downloading {path.name}",
            lambda: _get(address(), part, version, patience, bar),
            patience,
        )
    files.sync(part)
    part.replace(path)
    version.unlink(missing_ok=True)


def _get(address: str, part: Path, version: Path, patience: Patience, bar: Any) -> None:
    start = part.stat().st_size if part.exists() else 0
    known = version.read_text() if version.exists() else ""
    headers = {"Accept-Encoding": "identity"}
    if start and known:
        headers |= {"Range": f"bytes={start}-", "If-Range": known}
    with _request(
        "GET", address, patience, expired=(403, 410), headers=headers, stream=True
    ) as answer:
        resumed = answer.status_code == 206
        place = answer.headers.get("Content-Range", "")
        if answer.status_code == 416 or (resumed and not place.startswith(f"bytes {start}-")):
            part.unlink(missing_ok=True)
            raise Again("the partial file does not fit Kaggle's")
        if not resumed:
            part.unlink(missing_ok=True)  # before the version that it is not of is noted
        start = start if resumed else 0
        expected = start + int(answer.headers["Content-Length"])
        files.write_text(version, answer.headers.get("ETag") or "")
        files.require_space(part.parent, expected - start, part.stem)
        bar.reset(total=expected)
        bar.update(start)
        with open(part, "ab" if resumed else "wb") as file:
            for block in answer.iter_content(_BLOCK_BYTES):
                file.write(block)
                bar.update(len(block))
    if part.stat().st_size != expected:
        raise Again(f"cut at {part.stat().st_size:,} of {expected:,} bytes")


def is_whole_zip(path: Path) -> bool:
    """Whether the file is there and every entry of it has its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError):
        return False


def check_zip(path: Path) -> None:
    """Raise DownloadCorrupt, and take the file away, where it is no whole zip."""
    if not is_whole_zip(path):
        path.unlink()
        raise DownloadCorrupt(
            f"{path.name}: what Kaggle sent is no whole zip; run the same command again"
        )


@contextmanager
def _request(
    method: str, address: str, patience: Patience, *, expired: tuple[int, ...] = (), **options: Any
) -> Iterator[Any]:
    """One request to storage; a failure of it, or of reading its answer, gets a name.

    Args:
        expired: statuses that a fresh address may mend.
    """
    import requests

    try:
        with requests.request(method, address, timeout=patience.timeout_s, **options) as answer:
            code = answer.status_code
            if code in (408, 429) or code >= 500 or code in expired:
                after_s = retry_after_s(answer.headers.get("Retry-After"))
                raise Again(f"HTTP {code} from Kaggle's storage", after_s=after_s)
            if code not in (200, 201, 206, 308, 416):
                raise RequestRefused(f"Kaggle's storage refused (HTTP {code})")
            yield answer
    except requests.Timeout:
        raise Again("no answer in time") from None
    except requests.RequestException:
        raise Again("the connection broke") from None
