"""Fetch the official Inception's weights once, check them before they are opened, open them
safely."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from pipeline.common import files, progress
from pipeline.common.errors import InputError, PipelineError

# torch-fidelity's release; the name ends in the first digits of the file's SHA-256.
URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
SHA256_START = "6726825d"
_OTHER_CHOICE = "or set reference.extractor: embedded, which needs no download"


class WeightsUnavailable(PipelineError):
    """The official weights cannot be fetched; the message names the other choice."""


class WeightsInvalid(InputError):
    """A file that is not the official weights."""


def fetch(
    source: str,
    *,
    cache: Path,
    sha256_start: str = SHA256_START,
    retries: int = 3,
) -> Path:
    """Return the weights' file, fetched where it must be, and checked.

    Args:
        source: auto (torch-fidelity's release), an http(s):// or file:// URL, or a path.
        cache: folder where a fetched file stays; it is hashed again at each use.
        sha256_start: the first digits of what the file's SHA-256 must be.
        retries: how often a failed request is repeated.

    Raises:
        WeightsUnavailable: it cannot be fetched.
        WeightsInvalid: it is not there, cut short, or has another hash.
    """
    if "://" not in source and source != "auto":
        path = Path(source).expanduser()
        if not path.is_file():
            raise WeightsInvalid(
                f"reference.inception.weights = {source!r}: no such file; set it to auto, a URL "
                f"or a path, {_OTHER_CHOICE}"
            )
        check(path, sha256_start)
        return path
    url = URL if source == "auto" else source
    path = cache / URL.rsplit("/", 1)[1]
    if path.is_file() and files.sha256(path).startswith(sha256_start):
        return path
    # Late: only this choice needs an HTTP client.
    from pipeline.download import mirrors
    from pipeline.download.retry import RetryPolicy

    progress.say(f"fetching Inception's weights (96 MB, once): {url}")
    try:
        mirrors.fetch(
            [url],
            path,
            keep=cache,
            base=Path(),
            sha256=None,
            policy=RetryPolicy(timeout_s=30, retries=retries, retry_wait_s=1),
            check=lambda fetched: check(fetched, sha256_start),
        )
    except PipelineError as error:
        raise WeightsUnavailable(
            f"{error}. Fetch {URL} on another machine and set reference.inception.weights to its "
            f"path, {_OTHER_CHOICE}"
        ) from None
    return path


def check(path: Path, sha256_start: str = SHA256_START) -> None:
    """Raise WeightsInvalid unless the file's SHA-256 starts with these digits."""
    digest = files.sha256(path)
    if not digest.startswith(sha256_start):
        raise WeightsInvalid(
            f"{path}: not the official weights, or cut short: SHA-256 {digest[:8]}… instead of "
            f"{sha256_start}…; fetch {URL} again, {_OTHER_CHOICE}"
        )


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checked file. Eight digits of a hash can be forged, so no code of the
    file is run.

    Raises:
        WeightsInvalid: the file holds no tensors.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsInvalid(f"{path}: holds no weights ({reason})") from None
