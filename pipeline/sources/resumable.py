"""One URL's file over HTTP: resumed by Range after a cut or a kill, and never glued from two.

It lives in a folder that DVC doesn't delete: `<stem>-<hash of the URL>.tar` once whole, with
`.part` added before, and with `.json` beside it, which says what version of the file the server
gave. A file belongs to one URL, so the bytes of two mirrors never meet.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

from pipeline import files
from pipeline.errors import InputError
from pipeline.progress import bar, say

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


@dataclass(frozen=True)
class _Version:
    """What the server said of the file; `sha256` once it is whole here."""

    length: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None
    sha256: str | None = None

    @property
    def validator(self) -> str | None:
        """For If-Range. A weak ETag promises no equal bytes."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    def differs(self, other: Self) -> bool:
        pairs = (
            (self.length, other.length),
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
        )
        return any(a is not None and b is not None and a != b for a, b in pairs)


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
        self.path = keep / f"{stem}-{key}{suffix}"
        self._part = keep / f"{self.path.name}.part"
        self._record = keep / f"{self.path.name}.json"
        self._version = self._recorded()
        self._restart_digest()
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
        if not self.path.is_file():
            return None
        digest = files.sha256(self.path)
        if digest == (sha256 or self._version.sha256):
            return digest
        say(f"{self._name}: the one already here has another SHA-256; fetching it again")
        self.path.unlink()
        self._record.unlink(missing_ok=True)
        self._version = _Version()
        return None

    def run(self, sha256: str | None, patience: Patience, check: Check) -> str:
        """Fetch what is missing, with retries; verify it; return its SHA-256.

        Raises:
            MirrorFailed: the server refused, or the retries are used up.
            MirrorCorrupt: the file came whole and has not `sha256`, or `check` raised InputError.
            DiskFull: it would not fit.
        """
        failures = 0
        reached = self._part_bytes()
        while True:
            try:
                self._attempt(sha256, patience.timeout_s)
                return self._finish(sha256, check)
            except _Cut as cut:
                if self._part_bytes() >= reached + _PROGRESS_BYTES:
                    failures, reached = 0, self._part_bytes()
                failures += 1
                if failures > patience.retries:
                    raise MirrorFailed(f"{cut} (after {patience.retries} retries)") from None
                wait_s = min(patience.retry_wait_s * 2 ** (failures - 1), _LONGEST_WAIT_S)
                wait_s = max(wait_s, cut.retry_after_s)
                say(f"{self._name}: {cut}; next attempt in {wait_s:g} s")
                time.sleep(wait_s)

    # --- one attempt ----------------------------------------------------------------------------

    def _attempt(self, sha256: str | None, timeout_s: float) -> None:
        """Bring the part to its full length, or raise `_Cut` or `MirrorFailed`."""
        import requests

        # Without a validator only a pinned hash can tell that the rest is of the same file.
        if not (self._version.validator or sha256):
            self._start_over()
        have = self._part_bytes()
        if have and have == self._version.length:  # killed between the last byte and the renaming
            return
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._version.validator:
                headers["If-Range"] = self._version.validator
        try:
            with requests.get(
                self._url, headers=headers, stream=True, timeout=(timeout_s, timeout_s)
            ) as response:
                self._accept(response, have)
                self._receive(response)
        except requests.exceptions.SSLError as error:
            raise MirrorFailed(_reason(error)) from None
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _Cut(_reason(error)) from None
        except requests.RequestException as error:  # an address that is none, endless redirects
            raise MirrorFailed(_reason(error)) from None

    def _accept(self, response: "requests.Response", have: int) -> None:
        """Read the answer's head: go on at byte `have`, start over, wait, or give up."""
        status = response.status_code
        if status in _RETRY_STATUS:
            raise _Cut(f"HTTP {status}", _retry_after_s(response.headers.get("Retry-After")))
        if status == 416:  # what is here is longer than the server's file
            self._start_over()
            raise _Cut("the file has changed on the server; starting over")
        if status not in (200, 206):
            raise MirrorFailed(f"HTTP {status} {response.reason}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise MirrorFailed(
                "the server compresses what it sends, so its length can't be checked"
            )
        version = _version_of(response)
        if status == 206:
            start = _range_start(response)
            if not have or start != have or self._version.differs(version):
                self._start_over()
                raise _Cut("the server's part does not fit what is here; starting over")
            self._in_one_piece = False
            say(f"{self._name}: resuming at {_megabytes(have)} of {_megabytes(version.length)}")
        else:
            if have:
                say(f"{self._name}: {_megabytes(have)} can't be resumed; starting over")
            self._start_over()
            self._in_one_piece = True
            say(f"{self._name}: {_megabytes(version.length)} from {shown(self._url)}")
        if version.length is not None:
            files.require_space(self._part.parent, version.length - self._part_bytes(), self._name)
        self._version = version
        files.write_json(self._record, asdict(version))

    def _receive(self, response: "requests.Response") -> None:
        """Append the answer's body to the part, as it comes, so that a kill loses no more than a
        chunk."""
        from urllib3.exceptions import HTTPError

        length = self._version.length
        self._hash_part()
        with (
            open(self._part, "ab") as part,
            bar(
                label=self._name, total=length, initial=self._hashed_bytes, is_bytes=True
            ) as progress,
        ):
            while True:
                try:
                    # Not iter_content: it would decode, and a cut would look like an end.
                    chunk = response.raw.read(_CHUNK_BYTES, decode_content=False)
                except (HTTPError, OSError) as error:
                    raise _Cut(
                        f"cut at {_megabytes(self._hashed_bytes)} of {_megabytes(length)} "
                        f"({_reason(error)})"
                    ) from None
                if not chunk:
                    break
                part.write(chunk)
                part.flush()
                self._digest.update(chunk)
                self._hashed_bytes += len(chunk)
                progress.update(len(chunk))
        if length is not None and self._hashed_bytes != length:
            raise _Cut(f"cut at {_megabytes(self._hashed_bytes)} of {_megabytes(length)}")

    def _finish(self, sha256: str | None, check: Check) -> str:
        self._hash_part()
        digest = self._digest.hexdigest()
        fault = None
        if sha256 and digest != sha256:
            fault = f"SHA-256 is {digest}, not the pinned {sha256}"
        else:
            try:
                check(self._part)
            except InputError as error:
                fault = str(error).removeprefix(f"{self._part}: ")
        if fault:
            if (self._version.content_type or "").startswith("text/"):
                fault += f"; the server calls it {self._version.content_type}"
            # Of a file in one piece and of the length that was promised, a second copy would be
            # no better; of any other it may.
            final = self._in_one_piece and self._version.length is not None
            self._start_over()
            raise MirrorCorrupt(fault) if final else _Cut(f"{fault}; starting over")
        # The record first: a whole file without one would be of unknown origin.
        files.write_json(
            self._record,
            asdict(replace(self._version, length=self._hashed_bytes, sha256=digest)),
        )
        # Nobody writes into it: it is linked into data/raw, and DVC may link on from there.
        self._part.chmod(0o444)
        os.replace(self._part, self.path)
        return digest

    # --- the part on disk -----------------------------------------------------------------------

    def _part_bytes(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    def _start_over(self) -> None:
        self._part.unlink(missing_ok=True)
        self._restart_digest()
        self._in_one_piece = False

    def _restart_digest(self) -> None:
        self._digest = hashlib.sha256()
        self._hashed_bytes = 0

    def _hash_part(self) -> None:
        """Bring the digest up to the part's end, where an earlier process began it."""
        if self._hashed_bytes == self._part_bytes():
            return
        self._restart_digest()
        with open(self._part, "rb") as part:
            while block := part.read(1 << 20):
                self._digest.update(block)
                self._hashed_bytes += len(block)

    def _recorded(self) -> _Version:
        """The record beside the part; a broken or foreign one is as good as none."""
        try:
            content = json.loads(self._record.read_text(encoding="utf-8"))
            return _Version(**{field.name: content[field.name] for field in fields(_Version)})
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return _Version()


def shown(url: str) -> str:
    """The address without password and query, for messages."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _version_of(response: "requests.Response") -> _Version:
    headers = response.headers
    length = headers.get("Content-Length")
    if response.status_code == 206:
        length = headers.get("Content-Range", "").rpartition("/")[2]
    return _Version(
        length=int(length) if length and length.isdecimal() else None,
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
        content_type=headers.get("Content-Type"),
    )


def _range_start(response: "requests.Response") -> int | None:
    match = re.fullmatch(
        r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    return int(match[1]) if match else None


def _retry_after_s(header: str | None) -> float:
    """Seconds to wait, from a number of seconds or a date; 0 where there is none to read.

    Raises:
        MirrorFailed: the server asks for more patience than is reasonable.
    """
    if not header:
        return 0.0
    if header.strip().isdecimal():
        seconds = float(header)
    else:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = max(0.0, (moment - datetime.now(UTC)).total_seconds())
    if seconds > _LONGEST_RETRY_AFTER_S:
        raise MirrorFailed(f"the server is busy and asks to come back in {seconds:,.0f} s")
    return seconds


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.1f} MB"


def _reason(error: Exception) -> str:
    """The innermost cause in a few words; requests wraps urllib3, which wraps the system's."""
    cause: BaseException = error
    while inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    words = " ".join(str(cause).split()) or type(cause).__name__
    # urllib3 puts its object before the colon: "<urllib3... object at 0x..>: refused".
    return re.sub(r"^<?[\w.]*[cC]onnection(\([^)]*\)| object at 0x\w+)>?: ", "", words)
