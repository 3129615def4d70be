"""A Kaggle on loopback for every test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.download.retry import RetryPolicy
from pipeline.kaggle.api.client import Client
from tests.standins.kaggle_api import KaggleStandIn

# Short, so that a test of a hang takes no longer than it must.
HASTE = RetryPolicy(timeout_s=0.6, retries=1, retry_wait_s=0.01)


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleStandIn]:
    """A stand-in, and this process led to it with a good token. No request may go astray."""
    with KaggleStandIn(tmp_path / "kaggle") as standin:
        for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "DVC_EXP_NAME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in standin.environment().items():
            monkeypatch.setenv(name, value)
        yield standin
        assert standin.server.strays == []


@pytest.fixture
def client(kaggle: KaggleStandIn) -> Client:
    return Client(HASTE)
