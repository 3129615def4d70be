"""What the headers of an answer say about a file: its version, and which part of it comes."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Version:
    """What the server said of the file.

    Attributes:
        length: bytes of the whole file.
        sha256: known once the file is whole here.
    """

    length: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None
    sha256: str | None = None

    @property
    def validator(self) -> str | None:
        """The value for If-Range. A weak ETag promises no equal bytes (RFC 9110, 8.8.1)."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    def differs(self, other: Self) -> bool:
        """Return whether the two contradict each other in what both of them say."""
        pairs = (
            (self.length, other.length),
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
        )
        return any(a is not None and b is not None and a != b for a, b in pairs)


def version_of(response: "requests.Response") -> Version:
    """Return the version that a 200 or a 206 speaks of; its length is the whole file's in both."""
    headers = response.headers
    length = headers.get("Content-Length", "")
    if response.status_code == 206:
        length = headers.get("Content-Range", "").rpartition("/")[2]
    return Version(
        length=int(length) if re.fullmatch(r"[0-9]{1,20}", length) else None,
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
        content_type=headers.get("Content-Type"),
    )


def range_start(response: "requests.Response") -> int | None:
    """Return the first byte that a 206 sends, or None where it does not say."""
    content_range = response.headers.get("Content-Range", "").strip()
    match = re.fullmatch(r"bytes ([0-9]{1,20})-[0-9]+/([0-9]+|\*)", content_range)
    return int(match[1]) if match else None
