"""What the heads of HTTP answers say about a download: version, range, when to come back."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Version:
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


def version_of(response: "requests.Response") -> Version:
    """The version that a 200 or a 206 speaks of; its length is the whole file's in both."""
    headers = response.headers
    length = headers.get("Content-Length", "")
    if response.status_code == 206:
        length = headers.get("Content-Range", "").rpartition("/")[2]
    return Version(
        length=int(length) if length.isdecimal() else None,
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
        content_type=headers.get("Content-Type"),
    )


def range_start(response: "requests.Response") -> int | None:
    """The first byte that a 206 sends, or None where it does not say."""
    content_range = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
    return int(match[1]) if match else None


def retry_after_s(response: "requests.Response") -> float:
    """Seconds to wait, from a number of seconds or a date; 0 where none can be read."""
    header = response.headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def shown(url: str) -> str:
    """The address without password and query, for messages."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])


def reason(error: BaseException) -> str:
    """The innermost cause in a few words: requests wraps urllib3, which wraps the system's."""
    while True:
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            break
        error = inner
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split()) or type(error).__name__
