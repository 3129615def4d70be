"""One file over HTTP: resumed by Range after a cut or a kill, and never glued from two versions."""

from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common import files
from pipeline.common.errors import InputError
from pipeline.common.progress import bar, say
from pipeline.download import masking
from pipeline.download.errors import FileCorrupt, PermanentFailure
from pipeline.download.headers import range_start, version_of
from pipeline.download.partial import Partial
from pipeline.download.request import reason, send
from pipeline.download.retry import Retryable, RetryPolicy, repeat

if TYPE_CHECKING:
    import requests

_CHUNK_BYTES = 256 << 10  # what a cut can lose at most

Check = Callable[[Path], None]


class Download:
    """A file that is fetched to `path`, where it appears only whole.

    What came before a cut or a kill stays in `<path>.part`, and `<path>.json` says of which
    version. One process at a time may work on a path.
    """

    def __init__(
        self,
        path: Path,
        address: Callable[[], str],
        *,
        name: str,
        expired: Collection[int] = (),
    ) -> None:
        """Read what an earlier run left at `path`.

        Args:
            address: gives the address for each try; a signed one is asked for anew.
            name: the file, for messages.
            expired: statuses that a fresh address may mend.
        """
        self.path = path
        self._address = address
        self._name = name
        self._expired = expired
        self._file = Partial(path)
        self._in_one_piece = False  # the part came whole from one answer

    def finished(self, sha256: str | None) -> str | None:
        """Return the SHA-256 of the whole file that is already here, hashed anew, or None.

        A file that isn't `sha256` (or, where that is None, what it was when it came) is removed.
        """
        there = self.path.is_file()
        digest = self._file.finished(sha256)
        if there and not digest:
            say(f"{self._name}: the one already here has another SHA-256; fetching it again")
        return digest

    def forget(self) -> None:
        """Remove the record of a whole file that `finished` will not be asked for."""
        self._file.forget()

    def run(self, *, sha256: str | None, policy: RetryPolicy, check: Check) -> str:
        """Fetch what is missing, with retries; verify it; return its SHA-256.

        An answer without a length is taken to its end, and `check` tells whether that was all.

        Args:
            sha256: what the file must have, or None to take any that passes `check`.
            check: called with the whole file's path; raises InputError where it is broken.

        Raises:
            GaveUp: the retries are used up, or the server asks for too long a wait.
            PermanentFailure: the server refused, or sends what cannot be checked.
            FileCorrupt: the file came whole and has not `sha256`, or `check` raised InputError.
            DiskFull: it would not fit.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)

        def fetch() -> str:
            self._fetch_the_rest(sha256, policy.timeout_s)
            return self._finish(sha256, check)

        return repeat(self._name, fetch, policy, received_bytes=lambda: self._file.size)

    def _fetch_the_rest(self, sha256: str | None, timeout_s: float) -> None:
        """Bring the part to its full length, or raise `Retryable` or `PermanentFailure`."""
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
        address = self._address()
        with send(
            "GET",
            address,
            timeout_s=timeout_s,
            accepted=(200, 206, 416),
            expired=self._expired,
            headers=headers,
        ) as answer:
            self._accept(answer, have, address)
            self._receive(answer)

    def _accept(self, answer: "requests.Response", have: int, address: str) -> None:
        """Read the answer's headers: go on at byte `have`, start over, or give up."""
        if answer.status_code == 416:  # what is here is longer than the server's file
            self._file.start_over()
            raise Retryable("the file has changed on the server; starting over")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise PermanentFailure("sent compressed, so its length can't be checked")
        version = version_of(answer)
        if answer.status_code == 206:
            if not have or range_start(answer) != have or self._file.version.differs(version):
                self._file.start_over()
                raise Retryable("the server's part does not fit what is here; starting over")
            # A 206 may leave out what the 200 said; `differs` has found no contradiction.
            known = {key: value for key, value in asdict(version).items() if value is not None}
            version = replace(self._file.version, **known)
            say(f"{self._name}: resuming at {_megabytes(have)} of {_megabytes(version.length)}")
        else:
            if have:
                say(f"{self._name}: {_megabytes(have)} can't be resumed; starting over")
            self._file.start_over()
            say(f"{self._name}: {_megabytes(version.length)} from {masking.shown(address)}")
        self._in_one_piece = answer.status_code == 200
        if version.length is not None:
            files.require_space(self.path.parent, version.length - self._file.size, self._name)
        said = masking.presentable(version.content_type or "", masking.secrets_of(address))
        self._file.belongs_to(replace(version, content_type=said))

    def _receive(self, answer: "requests.Response") -> None:
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
                    chunk = answer.raw.read(_CHUNK_BYTES, decode_content=False)
                except (HTTPError, OSError) as error:
                    cut = reason(error)
                    break
                if not chunk:
                    break
                file.append(chunk)
                progress.update(len(chunk))
        if cut or (length is not None and self._file.size != length):
            place = f"cut at {_megabytes(self._file.size)} of {_megabytes(length)}"
            raise Retryable(f"{place} ({cut})" if cut else place)

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
                raise FileCorrupt(fault)
            raise Retryable(f"{fault}; starting over")
        self._file.finish()
        return digest


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.1f} MB"
