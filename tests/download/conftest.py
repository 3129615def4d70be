"""A real server on loopback, and a fetch into a scratch folder."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.download import retry
from tests.download.fetcher import WHOLE, Fetcher
from tests.standins.file_server import FileServer, Served


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"/images.tar": Served(WHOLE)}) as running:
        yield running


@pytest.fixture
def fetch(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited before each retry; none of them passes."""
    seconds: list[float] = []
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=seconds.append))
    return seconds
