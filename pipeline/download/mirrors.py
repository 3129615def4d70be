"""Fetch one file from the first of several mirrors that gives it whole and right."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from pipeline.common import files
from pipeline.common.errors import InputError, PipelineError
from pipeline.common.progress import bar, say
from pipeline.download.errors import FileCorrupt, PermanentFailure, TransferFailed
from pipeline.download.masking import shown
from pipeline.download.resumable import Check, Download
from pipeline.download.retry import RetryPolicy


class DownloadFailed(PipelineError):
    """No mirror gave the file; the message has each one's reason."""


class DownloadCorrupt(DownloadFailed):
    """No mirror gave the right file, and at least one gave a wrong or broken one."""


def fetch(
    mirrors: Sequence[str],
    destination: Path,
    *,
    keep: Path,
    base: Path,
    sha256: str | None,
    policy: RetryPolicy,
    check: Check,
) -> str:
    """Put the file of the first mirror that gives it at `destination`, and return its SHA-256.

    A mirror is an `http(s)://` address, a `file://` address or a path. What came by HTTP stays in
    `keep`, is hashed again before it is used again, and is linked to `destination` (copied where
    it can't be linked); a local file is copied.

    Args:
        keep: folder of partial and finished downloads, outside DVC's outs.
        base: what a mirror that is a relative path is relative to.
        sha256: what the file must have, or None to take any that passes `check`.
        policy: deadline and retries for each mirror.
        check: called with the whole file's path; raises InputError where it is broken.

    Raises:
        DownloadFailed: no mirror gave the file.
        DownloadCorrupt: nor did one, and a wrong or broken file was among what they gave.
        DiskFull: it would not fit, found before its first byte is written.
    """
    if digest := _already_here(mirrors, destination, keep, base, sha256):
        return digest
    reasons = []
    corrupt = False
    for mirror in mirrors:
        try:
            if not _is_http(mirror):
                return _copy(_local_path(mirror, base), destination, sha256, check)
            with _locked(mirror, destination.name, keep) as download:
                # Another process may have finished it while we waited for the lock.
                digest = download.finished(sha256) or download.run(
                    sha256=sha256, policy=policy, check=check
                )
                _place(download.path, destination)
                return digest
        except TransferFailed as error:
            corrupt = corrupt or isinstance(error, FileCorrupt)
            reasons.append(f"{shown(mirror)}: {error}")
            say(f"{destination.name}: {reasons[-1]}")
    kind = DownloadCorrupt if corrupt else DownloadFailed
    raise kind(f"{destination.name}: no mirror gave the file: {'; '.join(reasons)}")


def _already_here(
    mirrors: Sequence[str], destination: Path, keep: Path, base: Path, sha256: str | None
) -> str | None:
    """Place an earlier download before any network is used, and return its SHA-256.

    A dead first mirror must not cost its retries each time. A local file keeps its place in the
    order: to see whether it is there costs nothing.
    """
    for mirror in mirrors:
        if not _is_http(mirror):
            if _local_path(mirror, base).is_file():
                return None
            continue
        with _locked(mirror, destination.name, keep) as download:
            if digest := download.finished(sha256):
                say(f"{destination.name}: already downloaded, hash checked")
                _place(download.path, destination)
                return digest
    return None


@contextmanager
def _locked(url: str, name: str, keep: Path) -> Iterator[Download]:
    """Yield the download of `url` in the folder `keep`, held against other processes, which wait.

    The file has a name of its own for each URL, so that the bytes of two mirrors never meet.
    """
    stem, suffix = os.path.splitext(name)
    key = hashlib.sha256(url.encode()).hexdigest()[:12]
    path = keep / f"{stem}-{key}{suffix}"
    with files.locked(
        path.with_name(f"{path.name}.lock"),
        on_wait=lambda: say(f"{name}: waiting for another process that fetches it"),
    ):
        yield Download(path, lambda: url, name=name)


def _place(kept: Path, destination: Path) -> None:
    """Link `kept` to `destination`, so that the disk holds it once.

    Safe against writes in place: both are read-only, DVC (at its default `cache.type`) takes copies
    of its own, and `kept` is hashed before it is used again.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.unlink(missing_ok=True)
    kept.chmod(0o444)
    try:
        os.link(kept, destination)
    except OSError:  # another file system, or one without hard links
        files.require_space(destination.parent, kept.stat().st_size, destination.name)
        with files.atomic(destination) as temporary:
            shutil.copyfile(kept, temporary)


def _is_http(mirror: str) -> bool:
    return mirror.lower().startswith(("http://", "https://"))


def _local_path(mirror: str, base: Path) -> Path:
    scheme, separator, rest = mirror.partition("://")
    if not separator:
        return (base / Path(mirror).expanduser()).absolute()
    return Path(unquote(rest)) if scheme.lower() == "file" else Path(mirror)


def _copy(source: Path, destination: Path, sha256: str | None, check: Check) -> str:
    """Copy a local file, checked as one that was fetched, and return its SHA-256."""
    if not source.is_absolute():  # file://data/x, or a scheme that isn't one of ours
        raise PermanentFailure("neither http(s)://, nor file:///absolute/path, nor a path")
    if not source.is_file():
        raise PermanentFailure("no such file")
    total = source.stat().st_size
    destination.parent.mkdir(parents=True, exist_ok=True)
    files.require_space(destination.parent, total, destination.name)
    say(f"{destination.name}: {total / 1e6:,.1f} MB from {source}")
    digest = hashlib.sha256()
    with files.atomic(destination) as temporary:
        with (
            open(source, "rb") as reader,
            open(temporary, "wb") as writer,
            bar(label=destination.name, total=total, is_bytes=True) as progress,
        ):
            while block := reader.read(1 << 20):
                digest.update(block)
                writer.write(block)
                progress.update(len(block))
        # From here on the file is whole on the disk, and can be checked.
        if sha256 and digest.hexdigest() != sha256:
            raise FileCorrupt(f"SHA-256 is {digest.hexdigest()}, not the pinned {sha256}")
        try:
            check(temporary)
        except InputError as error:
            raise FileCorrupt(str(error).removeprefix(f"{temporary}: ")) from None
    return digest.hexdigest()
