"""Requests to a source, as the stage makes them."""

from pathlib import Path

from pipeline.data.sources.source import Request


def request(folder: Path) -> Request:
    """Return a request with everything below `folder`; no retries."""
    (folder / "raw").mkdir(exist_ok=True)
    return Request(
        raw=folder / "raw",
        root=folder,
        downloads=folder / "downloads",
        competition="generative-dog-images",
        timeout_s=10,
        retries=0,
        retry_wait_s=0,
    )
