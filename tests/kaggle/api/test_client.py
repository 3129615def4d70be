"""Credentials of all kinds, deadlines, and that no secret leaves the place it is kept in."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.download.retry import RetryPolicy
from pipeline.kaggle.api import competitions
from pipeline.kaggle.api.client import Client
from pipeline.kaggle.api.errors import (
    CredentialsRefused,
    NoCredentials,
    NotFound,
    Unavailable,
    UnexpectedAnswer,
)
from tests.conftest import REPOSITORY
from tests.kaggle.conftest import HASTE
from tests.standins.kaggle_api import (
    COMPETITION,
    KEY,
    REFRESH_TOKEN,
    SECRETS,
    TOKEN,
    USER,
    KaggleStandIn,
)
from tests.standins.kaggle_worker import clean_environment

LOG_IN = """
from pipeline.kaggle.api import competitions
from pipeline.kaggle.api.client import Client
from pipeline.download.retry import RetryPolicy
client = Client(RetryPolicy(timeout_s=5, retries=0, retry_wait_s=1))
print(client.username, competitions.details(client, "generative-dog-images").title)
"""


def python(
    kaggle: KaggleStandIn, *arguments: str, token: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A Python of its own, since the client reads where its files are when it is imported."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=clean_environment() | kaggle.environment(token=token) | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def put(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o600)


def oauth(home: Path) -> None:
    stored = {"refresh_token": REFRESH_TOKEN, "username": USER}
    put(home / ".kaggle" / "credentials.json", json.dumps(stored))


KINDS: dict[str, Callable[[Path], dict[str, str]]] = {
    "token variable": lambda home: {"KAGGLE_API_TOKEN": TOKEN},
    "token file": lambda home: put(home / ".kaggle" / "access_token", TOKEN + "\n") or {},
    "kaggle.json": lambda home: (
        put(home / ".kaggle" / "kaggle.json", json.dumps({"username": USER, "key": KEY})) or {}
    ),
    "name and key": lambda home: {"KAGGLE_USERNAME": USER, "KAGGLE_KEY": KEY},
    "oauth": lambda home: oauth(home) or {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_takes_the_credentials_that_the_client_takes(kaggle: KaggleStandIn, kind: str) -> None:
    home = kaggle.folder / "home"
    variables = KINDS[kind](home)
    done = python(kaggle, "-c", LOG_IN, **variables)
    assert (done.returncode, done.stdout.strip()) == (0, f"{USER} Generative Dog Images")
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)


def test_without_credentials_it_says_how_to_get_some(
    kaggle: KaggleStandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    stdin = sys.stdin
    with pytest.raises(NoCredentials, match=r"settings/api .* KAGGLE_API_TOKEN"):
        Client(HASTE)
    assert sys.stdin is stdin, "the client leaves through exit(), which closes stdin"
    assert not sys.stdin.closed
    assert capfd.readouterr().out == "", "the client prints its own help"
    assert kaggle.server.log == []


def test_a_bad_token_is_named_although_a_good_key_lies_behind_it(
    kaggle: KaggleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-bad-token")
    with pytest.raises(CredentialsRefused, match="the token in KAGGLE_API_TOKEN") as caught:
        Client(HASTE)
    assert "a-bad-token" not in str(caught.value)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    with pytest.raises(CredentialsRefused, match="the token in KAGGLE_API_TOKEN"):
        competitions.details(Client(HASTE), COMPETITION)


def test_a_server_that_says_nothing_is_left_after_the_deadline(
    kaggle: KaggleStandIn, client: Client
) -> None:
    kaggle.fault("GetCompetition", hang_s=30, times=9)
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer in time \(after 1 retry\)"):
        competitions.details(client, COMPETITION)
    assert time.monotonic() - start < 10  # 2 deadlines of 0.6 s, and slack for a busy machine
    assert kaggle.sent("GetCompetition") == 2


def test_an_answer_that_trickles_in_is_left_too(kaggle: KaggleStandIn) -> None:
    """No deadline between two bytes ever passes here."""
    client = Client(RetryPolicy(timeout_s=0.3, retries=0, retry_wait_s=0))
    kaggle.fault("GetCompetition", trickle_s=0.05)
    start = time.monotonic()
    with pytest.raises(Unavailable, match="no answer in time"):
        competitions.details(client, COMPETITION)
    assert time.monotonic() - start < 6  # its 200 bytes and more would take 10 s


def test_logging_in_has_a_deadline_too(kaggle: KaggleStandIn) -> None:
    kaggle.fault("IntrospectToken", hang_s=30, times=9)
    start = time.monotonic()
    with pytest.raises(Unavailable, match="logging in: no answer in time"):
        Client(HASTE)
    assert time.monotonic() - start < 10


def test_importing_the_client_reaches_no_one(kaggle: KaggleStandIn) -> None:
    """It would authenticate at import, without a deadline, before we can give it one."""
    load = "from pipeline.kaggle.api import adapter, client; client._load(adapter.KaggleAdapter(1))"
    done = python(kaggle, "-c", load, token=TOKEN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kaggle.server.log == []


def test_a_host_that_is_not_there_is_an_error_like_another(
    kaggle: KaggleStandIn, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"Connection refused \(after 1 retry\)"):
        competitions.details(client, COMPETITION)


@pytest.mark.parametrize("body", [b"<html>", b"{}x", b'{"deadline": "soon"}'])
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(
    kaggle: KaggleStandIn, client: Client, body: bytes
) -> None:
    kaggle.fault("GetCompetition", body=body, times=2)
    words = r"asking for competition .*: (an answer that is no JSON|Kaggle's answer is not)"
    with pytest.raises(UnexpectedAnswer, match=words):
        competitions.details(client, COMPETITION)


def test_a_wrong_slug_says_where_it_is_set(client: Client) -> None:
    with pytest.raises(NotFound, match=r"check competition, .* in params\.yaml"):
        competitions.details(client, "no-such-competition")


def test_pages_of_submissions_are_followed(kaggle: KaggleStandIn, client: Client) -> None:
    kaggle.rules.page_size = 2
    kaggle.rules.daily_limit = 10
    path = kaggle.folder / "any.zip"
    path.write_bytes(b"x")
    for number in range(5):
        token = competitions.upload(client, COMPETITION, path)
        words = f"number {number}"
        competitions.submit_file(client, COMPETITION, token, description=words, mark=words)
    found = [one.description for one in competitions.submissions(client, COMPETITION)]
    assert found == [f"number {number}" for number in (4, 3, 2, 1, 0)]
    oldest = competitions.find(client, COMPETITION, "number 0")
    assert oldest is not None
    assert oldest.ref == 50_000_001


def test_verbose_prints_no_token(kaggle: KaggleStandIn) -> None:
    """Where VERBOSE is set the client prints each request with its Authorization header, and logs
    to stderr what it does."""
    done = python(kaggle, "-c", LOG_IN, token=TOKEN, VERBOSE="true", VERBOSE_OUTPUT="1")
    assert (done.returncode, done.stdout.strip()) == (0, f"{USER} Generative Dog Images")
    assert done.stderr == ""


def test_the_environment_is_as_before(kaggle: KaggleStandIn) -> None:
    before = dict(os.environ)
    Client(HASTE)
    assert dict(os.environ) == before
