"""Kaggle's API through Kaggle's own client, with deadlines, retries and errors that help.

The only module that imports `kaggle`: late, since importing it authenticates, prints, closes stdin
and may leave the program. Credentials are the client's own affair (`KAGGLE_API_TOKEN` or
`~/.kaggle/access_token`; `kaggle.json` or `KAGGLE_USERNAME` + `KAGGLE_KEY`; `kaggle auth login`):
nothing here stores or prints one.
"""

import importlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pipeline.kaggle.api import guard, transfer
from pipeline.kaggle.api.errors import (
    AccessRefused,
    CredentialsRefused,
    KaggleError,
    NoCredentials,
    NotFound,
    RequestRefused,
    UnexpectedAnswer,
)
from pipeline.kaggle.api.retry import Again, Patience, repeat, retry_after_s

T = TypeVar("T")

_LONGEST_ANSWER = 5  # deadlines that an answer may take in all, as long as bytes come in

DATA_FILES = ("all-dogs.zip", "Annotation.zip")  # of the competition

CREDENTIALS_HELP = (
    "make a token at https://www.kaggle.com/settings/api and put it into ~/.kaggle/access_token or "
    "the environment variable KAGGLE_API_TOKEN (or run `kaggle auth login`)"
)


class Client:
    """One account's conversation with Kaggle."""

    def __init__(self, patience: Patience | None = None) -> None:
        """Find the credentials and check them.

        Raises:
            NoCredentials: there are none.
            CredentialsRefused: Kaggle does not know them.
            Unavailable: Kaggle did not answer in time.
        """
        self.patience = patience or Patience()
        self._api = _load(self.patience)
        self._ask("logging in", self._authenticate)

    def _authenticate(self) -> None:
        try:
            self._api.authenticate()
        except SystemExit:
            if source := _token_source():
                raise CredentialsRefused(
                    f"Kaggle does not accept the token in {source}: {CREDENTIALS_HELP}"
                ) from None
            raise NoCredentials(f"no Kaggle credentials found: {CREDENTIALS_HELP}") from None

    @property
    def username(self) -> str:
        """The name of the account that the credentials belong to."""
        return self._api.config_values.get("username") or ""

    def call(
        self,
        what: str,
        service: str,
        method: str,
        *,
        find: Callable[[], Any] | None = None,
        take: Callable[[Any], Any] = lambda answer: answer,
        **fields: Any,
    ) -> Any:
        """One call of the API.

        Args:
            what: the call in words, for messages.
            service: `competitions` or `kernels`.
            method: the client's name of the method, e.g. `get_competition`.
            find: see `retry.repeat`; without it the call must be safe to repeat.
            take: gives the result from the answer; what it cannot read is an `UnexpectedAnswer`.
            fields: the request's fields, in the client's spelling.

        Raises:
            KaggleError: the one that fits what Kaggle answered.
        """
        name = f"{service.removesuffix('s')}_api" if service == "competitions" else "kernels_api"
        types = importlib.import_module(f"kagglesdk.{service}.types.{name}_service")
        words = "".join(word.capitalize() for word in method.split("_"))
        request = getattr(types, f"Api{words}Request")()
        for field, value in fields.items():
            setattr(request, field, value)

        def send() -> Any:
            with self._api.build_kaggle_client() as kaggle:
                client = getattr(getattr(kaggle, service), f"{name}_client")
                return take(getattr(client, method)(request))

        return self._ask(what, send, find)

    def push_folder(
        self, folder: Path, *, find: Callable[[], Any], take: Callable[[Any], Any]
    ) -> Any:
        """Push a folder with kernel-metadata.json, as `kaggle kernels push -p FOLDER` does.

        Args:
            find, take: as in `call`.
        """
        return self._ask(
            "pushing the kernel", lambda: take(self._api.kernels_push(str(folder))), find
        )

    def _ask(
        self, what: str, call: Callable[[], T], find: Callable[[], T | None] | None = None
    ) -> T:
        def attempt() -> T:
            try:
                with guard.quiet():
                    return _named(call)
            except KaggleError as error:
                error.args = (f"{what}: {error}",)
                raise

        return repeat(what, attempt, self.patience, find=find)


def download_competition_files(
    competition: str, folder: Path, patience: Patience | None = None
) -> Path:
    """Fetch the competition's photos and annotations: `all-dogs.zip` and `Annotation.zip`.

    Files that are there and whole are kept, and a partial one is resumed. Returns `folder`.

    Raises:
        KaggleError: the one that fits what Kaggle answered; DownloadCorrupt where what came is
            no whole zip.
    """
    missing = [name for name in DATA_FILES if not transfer.is_whole_zip(folder / name)]
    if missing:
        client = Client(patience)
        for name in missing:

            def address(name: str = name) -> str:
                return client.call(
                    f"asking for {name}",
                    "competitions",
                    "download_data_file",
                    # The client has followed the redirect; only where it led is wanted here.
                    take=lambda answer: (answer.close(), answer.url)[1],
                    competition_name=competition,
                    file_name=name,
                )

            transfer.download(address, folder / name, client.patience)
            transfer.check_zip(folder / name)
    return folder


def _load(patience: Patience) -> Any:
    """The client's API object, with a deadline on each of its requests."""
    import requests

    with guard.importing():
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi
        except (SystemExit, OSError) as error:
            raise KaggleError(f"the kaggle client cannot be loaded ({error})") from None

    class Deadlines(requests.adapters.HTTPAdapter):
        """The client sets no timeout: without this a silent server would hold it for ever."""

        def send(self, request: Any, **options: Any) -> Any:
            end = time.monotonic() + _LONGEST_ANSWER * patience.timeout_s
            ours = {"timeout": patience.timeout_s, "stream": True}
            answer = super().send(request, **(options | ours))
            if not options.get("stream"):
                answer.raw = io.BytesIO(_whole(answer, end))
            return answer

    class Api(KaggleApi):
        def build_kaggle_client(self) -> Any:
            client = super().build_kaggle_client()
            http = client.http_client()
            http.__enter__()  # makes the session
            for scheme in ("https://", "http://"):
                http._session.mount(scheme, Deadlines())
            return client

    return Api()


def _whole(answer: Any, end: float) -> bytes:
    """An answer's content, given up at `end` even where byte after byte comes in."""
    import requests
    import urllib3

    pieces = []
    try:
        while piece := answer.raw.read1(1 << 16, decode_content=True):
            pieces.append(piece)
            if time.monotonic() > end:
                answer.close()
                raise requests.ReadTimeout
    except urllib3.exceptions.TimeoutError:
        raise requests.ReadTimeout from None
    except urllib3.exceptions.HTTPError:
        raise requests.ConnectionError from None
    return b"".join(pieces)


def _named(call: Callable[[], T]) -> T:
    """Run one call of the client and give its failure a name."""
    import requests

    try:
        return call()
    except requests.HTTPError as error:
        raise _from_status(error) from None
    except requests.ConnectTimeout:
        raise Again("cannot be reached", untouched=True) from None
    except requests.Timeout:
        raise Again("no answer in time") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise Again("the connection broke") from None
    except (requests.RequestException, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnexpectedAnswer(
            "Kaggle's answer is not what this version of its client understands "
            f"({type(error).__name__})"
        ) from None


def _from_status(error: Any) -> Exception:
    """The error, or the reason for another attempt, that an HTTP status stands for."""
    code = error.response.status_code
    said = transfer.without_address(str(error))
    check = (
        "check kaggle.competition, kaggle.username and kaggle.kernel_slug in params.yaml, and "
        "accept the competition's rules on its page, under /rules"
    )
    if code == 401:
        source = _token_source()
        which = f"the token in {source}" if source else "the credentials"
        return CredentialsRefused(f"Kaggle does not accept {which}: {CREDENTIALS_HELP}")
    if code == 403:
        return AccessRefused(f"Kaggle denies access ({said}): {check}")
    if code == 404:
        return NotFound(f"Kaggle knows no such thing ({said}): {check}")
    if code == 429 or code >= 500:
        return Again(
            f"HTTP {code} ({said})",
            after_s=retry_after_s(error.response.headers.get("Retry-After")),
            untouched=code == 429,
        )
    return RequestRefused(f"Kaggle refused (HTTP {code}): {said}")


def _token_source() -> str:
    """Where the token lies that goes before all other credentials, or ""."""
    from kagglesdk.kaggle_env import get_access_token_from_env

    source = get_access_token_from_env()[1] or ""
    return "~/.kaggle/access_token" if source == "access_token" else source
