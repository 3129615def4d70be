"""A file that is still coming: its bytes on disk, their hash, and the version they belong to."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path

from pipeline.common import files
from pipeline.download.headers import Version


class Partial:
    """`<path>.part`, which grows, and `<path>.json`, which says of what; `path` once it is whole.

    Attributes:
        path: the name of the whole file.
        part: where the bytes are until then.
        version: what the record says; empty where there is none that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self._record = path.with_name(f"{path.name}.json")
        self.version = self._recorded()
        self._restart_hash()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def complete(self) -> bool:
        """Whether nothing is missing of the length that the server told."""
        return self.size > 0 and self.size == self.version.length

    def start_over(self) -> None:
        """Drop the bytes and what is known of them."""
        self.part.unlink(missing_ok=True)
        self.forget()
        self._restart_hash()

    def forget(self) -> None:
        """Drop the record."""
        self._record.unlink(missing_ok=True)
        self.version = Version()

    def belongs_to(self, version: Version) -> None:
        """Record what the bytes are of, before the first one comes."""
        self.version = version
        files.write_json(self._record, asdict(version))

    @contextmanager
    def growing(self) -> Iterator["Partial"]:
        """Open for `append`, with the hash of what is there brought up to date."""
        self._hash_the_rest()
        with open(self.part, "ab") as self._file:
            yield self

    def append(self, chunk: bytes) -> None:
        """Add bytes; they are the system's at once, so that a kill doesn't lose them."""
        self._file.write(chunk)
        self._file.flush()
        self._hash.update(chunk)
        self._hashed_bytes += len(chunk)

    def digest(self) -> str:
        """Return the SHA-256 of the bytes on disk."""
        self._hash_the_rest()
        return self._hash.hexdigest()

    def finish(self) -> None:
        """Give the whole file its name; its record then has its SHA-256."""
        digest = self.digest()
        files.sync(self.part)
        # The record first: a whole file without one would be of unknown origin.
        self.belongs_to(replace(self.version, length=self.size, sha256=digest))
        os.replace(self.part, self.path)

    def finished(self, sha256: str | None) -> str | None:
        """Return the SHA-256 of the whole file if it is here, hashed anew, or None.

        One that isn't `sha256` (or, where that is None, what it was when it came) is removed.
        """
        if not self.path.is_file():
            return None
        digest = files.sha256(self.path)
        if digest == (sha256 or self.version.sha256):
            return digest
        self.path.unlink()
        self.forget()
        return None

    def _restart_hash(self) -> None:
        self._hash = hashlib.sha256()
        self._hashed_bytes = 0

    def _hash_the_rest(self) -> None:
        """Where an earlier process began the file, its bytes have not been seen here."""
        if self._hashed_bytes == self.size:
            return
        self._restart_hash()
        with open(self.part, "rb") as part:
            while block := part.read(1 << 20):
                self._hash.update(block)
                self._hashed_bytes += len(block)

    def _recorded(self) -> Version:
        """Return the record; one that is broken or another program's is as good as none."""
        try:
            content = json.loads(self._record.read_text(encoding="utf-8"))
            return Version(**{field.name: content[field.name] for field in fields(Version)})
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return Version()
