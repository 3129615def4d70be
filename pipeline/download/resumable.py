"""One URL's file over HTTP: resumed by Range after a cut or a kill, and never glued from two.

It lives in a folder that DVC doesn't delete, under a name of its own for each URL, so that the
bytes of two mirrors never meet.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.common.progress import bar, say
from pipeline.download.heads import range_start, reason, retry_after_s, shown, version_of
from pipeline.download.partial import Partial

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 256 << 10  # what a cut can lose at most
_PROGRESS_BYTES = 1 << 20  # an attempt that brought so much gives the retries back
_LONGEST_WAIT_S = 60.0  # of the doubling waits
_LONGEST_RETRY_AFTER_S = 300.0  # a mirror that asks for more is given up
_RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}

Check = Callable[[Path], None]


class MirrorFailed(Exception):
    """This mirror won't do; the next one may."""


class MirrorCorrupt(MirrorFailed):
    """This mirror gave a whole file, but not the right one."""


class _Cut(Exception):
    """The attempt failed in a way that another attempt may mend."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Patience:
    """How long to bear with a mirror: seconds without a byte, further attempts, and the seconds
    before the first of these, doubled for each next one."""

    timeout_s: float
    retries: int
    retry_wait_s: float


class Download:
    """The file of one URL in the folder `keep`, for one process at a time (see `locked`).

    Attributes:
        path: the whole file, once `run` or `finished` has given its SHA-256.
    """

    def __init__(self, url: str, name: str, keep: Path) -> None:
        self._url = url
        self._name = name
        stem, suffix = os.path.splitext(name)
        key = hashlib.sha256(url.encode()).hexdigest()[:12]
        self._file = Partial(keep / f"{stem}-{key}{suffix}")
        self.path = self._file.path
        self._in_one_piece = False  # the part came whole from one answer

    @classmethod
    @contextmanager
    def locked(cls, url: str, name: str, keep: Path) -> Iterator[Self]:
        """The download, held against other processes, which wait for it."""
        lock = keep / f"{cls(url, name, keep).path.name}.lock"
        with files.locked(
            lock, on_wait=lambda: say(f"{name}: waiting for another process that fetches it")
        ):
            yield cls(url, name, keep)

    def finished(self, sha256: str | None) -> str | None:
        """The SHA-256 of the whole file that is already here, hashed anew, or None.

        A file that isn't `sha256` (or, where that is None, what it was when it came) is removed.
        """
        there = self.path.is_file()
        digest = self._file.finished(sha256)
        if there and not digest:
            say(f"{self._name}: the one already here has another SHA-256; fetching it again")
        return digest

    def run(self, sha256: str | None, patience: Patience, check: Check) -> str:
        """Fetch what is missing, with retries; verify it; return its SHA-256.

        Raises:
            MirrorFailed: the server refused, or the retries are used up.
            MirrorCorrupt: the file came whole and has not `sha256`, or `check` raised InputError.
            DiskFull: it would not fit.
        """
        failures = 0
        reached = self._file.size
        while True:
            try:
                self._attempt(sha256, patience.timeout_s)
                return self._finish(sha256, check)
            except _Cut as cut:
                if self._file.size >= reached + _PROGRESS_BYTES:
                    failures, reached = 0, self._file.size
                failures += 1
                if failures > patience.retries:
                    raise MirrorFailed(f"{cut} (after {patience.retries} retries)") from None
                wait_s = min(patience.retry_wait_s * 2 ** (failures - 1), _LONGEST_WAIT_S)
                wait_s = max(wait_s, cut.retry_after_s)
                say(f"{self._name}: {cut}; next attempt in {wait_s:g} s")
                time.sleep(wait_s)

    def _attempt(self, sha256: str | None, timeout_s: float) -> None:
        """Bring the part to its full length, or raise `_Cut` or `MirrorFailed`."""
        import requests

        validator = self._file.version.validator
        # Without a validator only a pinned hash can tell that the rest is of the same file.
        if not (validator or sha256):
            self._file.start_over()
        if self._file.complete:  # killed between the last byte and the renaming
            return
        have = self._file.size
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if validator:
                headers["If-Range"] = validator
        try:
            with requests.get(
                self._url, headers=headers, stream=True, timeout=(timeout_s, timeout_s)
            ) as response:
                self._accept(response, have)
                self._receive(response)
        except requests.exceptions.SSLError as error:
            raise MirrorFailed(reason(error)) from None
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _Cut(reason(error)) from None
        except requests.RequestException as error:  # an address that is none, endless redirects
            raise MirrorFailed(reason(error)) from None

    def _accept(self, response: "requests.Response", have: int) -> None:
        """Read the answer's head: go on at byte `have`, start over, wait, or give up."""
        status = response.status_code
        if status in _RETRY_STATUS:
            wait_s = retry_after_s(response)
            if wait_s > _LONGEST_RETRY_AFTER_S:
                raise MirrorFailed(f"HTTP {status}, come back in {wait_s:,.0f} s")
            raise _Cut(f"HTTP {status}", wait_s)
        if status == 416:  # what is here is longer than the server's file
            self._file.start_over()
            raise _Cut("the file has changed on the server; starting over")
        if status not in (200, 206):
            raise MirrorFailed(f"HTTP {status} {response.reason}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise MirrorFailed("sent compressed, so its length can't be checked")
        version = version_of(response)
        if status == 206:
            if not have or range_start(response) != have or self._file.version.differs(version):
                self._file.start_over()
                raise _Cut("the server's part does not fit what is here; starting over")
            # A 206 may leave out what the 200 said; `differs` has found no contradiction.
            known = {key: value for key, value in asdict(version).items() if value is not None}
            version = replace(self._file.version, **known)
            say(f"{self._name}: resuming at {_megabytes(have)} of {_megabytes(version.length)}")
        else:
            if have:
                say(f"{self._name}: {_megabytes(have)} can't be resumed; starting over")
            self._file.start_over()
            say(f"{self._name}: {_megabytes(version.length)} from {shown(self._url)}")
        self._in_one_piece = status == 200
        if version.length is not None:
            files.require_space(self.path.parent, version.length - self._file.size, self._name)
        self._file.belongs_to(version)

    def _receive(self, response: "requests.Response") -> None:
        """Append the answer's body to the part as it comes."""
        from urllib3.exceptions import HTTPError

        start, length = self._file.size, self._file.version.length
        cut = None
        with (
            self._file.growing() as file,
            bar(label=self._name, total=length, initial=start, is_bytes=True) as progress,
        ):
            while True:
                try:
                    # Not iter_content: it would decode, and lengths are of what is sent.
                    chunk = response.raw.read(_CHUNK_BYTES, decode_content=False)
                except (HTTPError, OSError) as error:
                    cut = reason(error)
                    break
                if not chunk:
                    break
                file.append(chunk)
                progress.update(len(chunk))
        if cut or (length is not None and self._file.size != length):
            place = f"cut at {_megabytes(self._file.size)} of {_megabytes(length)}"
            raise _Cut(f"{place} ({cut})" if cut else place)

    def _finish(self, sha256: str | None, check: Check) -> str:
        """Verify the whole part and give it its name."""
        digest = self._file.digest()
        fault = None
        if sha256 and digest != sha256:
            fault = f"SHA-256 is {digest}, not the pinned {sha256}"
        else:
            try:
                check(self._file.part)
            except InputError as error:
                fault = str(error).removeprefix(f"{self._file.part}: ")
        if fault:
            version = self._file.version
            if (version.content_type or "").startswith("text/"):
                fault += f"; the server calls it {version.content_type}"
            self._file.start_over()
            # Of a file in one piece and of the length that was promised, a second copy would be
            # no better; of any other it may.
            if self._in_one_piece and version.length is not None:
                raise MirrorCorrupt(fault)
            raise _Cut(f"{fault}; starting over")
        self._file.finish()
        return digest


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.1f} MB"
