"""Kaggle's API through Kaggle's own client, with deadlines, retries and errors that help.

The only module that imports `kaggle`: late, since importing it authenticates, prints, closes stdin
and may leave the program. Credentials are the client's own affair (`KAGGLE_API_TOKEN` or
`~/.kaggle/access_token`; `kaggle.json` or `KAGGLE_USERNAME` + `KAGGLE_KEY`; `kaggle auth login`):
nothing here stores or prints one.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.common import progress
from pipeline.download import masking
from pipeline.download.request import failure_of
from pipeline.download.retry import Retryable, RetryPolicy, is_worth_repeating, retry_after_s
from pipeline.kaggle.api import guard, once
from pipeline.kaggle.api.errors import (
    AccessRefused,
    CredentialsRefused,
    KaggleError,
    NoCredentials,
    NotFound,
    RequestRefused,
)
from pipeline.kaggle.api.once import UnusableAnswer

if TYPE_CHECKING:
    from pipeline.kaggle.api.adapter import KaggleAdapter

T = TypeVar("T")

CREDENTIALS_HELP = (
    "make a token at https://www.kaggle.com/settings/api and put it into ~/.kaggle/access_token or "
    "the environment variable KAGGLE_API_TOKEN (or run `kaggle auth login`)"
)


class Client:
    """One account's conversation with Kaggle.

    Attributes:
        policy: deadline and retries of each call.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        """Find the credentials and check them.

        Raises:
            NoCredentials: there are none.
            CredentialsRefused: Kaggle does not know them.
            Unavailable: Kaggle did not answer in time.
        """
        # Late: both need packages that only a conversation with Kaggle needs.
        from pipeline.kaggle.api.adapter import KaggleAdapter

        self.policy = policy
        self._said: set[str] = set()  # statuses that are not known here
        self._adapter = KaggleAdapter(policy.timeout_s)
        self._api = _load(self._adapter)
        self._ask("logging in", self._authenticate, local=_credentials_place())

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
        method: str,
        *,
        find: Callable[[], Any] | None = None,
        take: Callable[[Any], Any] = lambda answer: answer,
        **fields: Any,
    ) -> Any:
        """Call a method of the API and return what `take` gives from its answer.

        Args:
            what: the call in words, for messages.
            method: the client's name of the method, one of `_competition_requests` or
                `_kernel_requests`.
            find: see `once.ask`; without it the call must be safe to repeat.
            take: what it cannot read counts as an answer that cannot be used.
            fields: the request's fields, in the client's spelling.

        Raises:
            KaggleError: the one that fits what Kaggle answered.
        """
        requests = _competition_requests()
        of_competitions = method in requests
        request = requests[method]() if of_competitions else _kernel_requests()[method]()
        for field, value in fields.items():
            setattr(request, field, value)

        def send() -> Any:
            with self._api.build_kaggle_client() as kaggle:
                if of_competitions:
                    client = kaggle.competitions.competition_api_client
                else:
                    client = kaggle.kernels.kernels_api_client
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
            "pushing the kernel",
            lambda: take(self._api.kernels_push(str(folder))),
            find,
            local=str(folder / "kernel-metadata.json"),
        )

    def _ask(
        self,
        what: str,
        call: Callable[[], T],
        find: Callable[[], T | None] | None = None,
        *,
        local: str = "",
    ) -> T:
        """Return what a call of the client gives.

        Args:
            local: the file that is at fault where the client sends nothing.
        """

        def named() -> T:
            try:
                with guard.quiet():
                    return self._named(call, local)
            except KaggleError as error:
                error.args = (f"{what}: {error}",)
                raise

        found = once.ask(what, named, self.policy, find=find)
        for status in sorted(self._adapter.unknown_statuses - self._said):
            progress.say(
                f"Kaggle gives a status that is not known here, {status}: taken as waiting"
            )
        self._said |= self._adapter.unknown_statuses
        return found

    def _named(self, call: Callable[[], T], local: str) -> T:
        """Run one call of the client and give its failure a name."""
        import requests

        sent = self._adapter.sent
        try:
            return call()
        except requests.HTTPError as error:
            raise _from_status(error) from None
        except requests.JSONDecodeError as error:
            raise _unusable(error) from None
        except requests.RequestException as error:
            if self._adapter.sent == sent:  # its words may hold the token
                raise RequestRefused(
                    f"no request can be made ({type(error).__name__}): check the token and the "
                    "proxy's settings"
                ) from None
            failure = failure_of(error, self._adapter.secrets)
            if isinstance(failure, Retryable):
                raise failure from None
            raise RequestRefused(str(failure)) from None
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            if self._adapter.sent == sent:
                words = masking.presentable(str(error), self._adapter.secrets)
                at_fault = f"; look at {local}" if local else ""
                raise RequestRefused(
                    f"Kaggle's client refuses to send it ({type(error).__name__}: {words})"
                    f"{at_fault}"
                ) from None
            raise _unusable(error) from None


def pages(ask: Callable[[str], tuple[T, str]]) -> Iterator[T]:
    """Yield page after page of a list.

    It ends at the last page, and where Kaggle gives a token a second time: that would go on for
    ever.

    Args:
        ask: gives the page of a token ("" for the first) and the next page's token ("" for none).
    """
    token = ""
    seen = set()
    while token not in seen:
        seen.add(token)
        page, token = ask(token)
        yield page
        if not token:
            return
    progress.say("Kaggle gave the same page token twice: the list ends here")


def _load(adapter: "KaggleAdapter") -> Any:
    """Return the client's API object, each of whose requests goes through `adapter`."""
    with guard.importing():
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi
        except (SystemExit, OSError) as error:
            raise KaggleError(f"the kaggle client cannot be loaded ({error})") from None

    class Api(KaggleApi):
        def build_kaggle_client(self) -> Any:
            client = super().build_kaggle_client()
            http = client.http_client()
            http.__enter__()  # makes the session
            for scheme in ("https://", "http://"):
                http._session.mount(scheme, adapter)
            return client

    return Api()


def _competition_requests() -> dict[str, type]:
    """Return the request's class of each method of competitions that is called here."""
    from kagglesdk.competitions.types import competition_api_service as types

    return {
        "get_competition": types.ApiGetCompetitionRequest,
        "get_submission_limits": types.ApiGetSubmissionLimitsRequest,
        "list_submissions": types.ApiListSubmissionsRequest,
        "start_submission_upload": types.ApiStartSubmissionUploadRequest,
        "create_submission": types.ApiCreateSubmissionRequest,
        "create_code_submission": types.ApiCreateCodeSubmissionRequest,
        "download_data_file": types.ApiDownloadDataFileRequest,
        "download_data_files": types.ApiDownloadDataFilesRequest,
    }


def _kernel_requests() -> dict[str, type]:
    """Return the request's class of each method of kernels that is called here."""
    from kagglesdk.kernels.types import kernels_api_service as types

    return {
        "get_kernel": types.ApiGetKernelRequest,
        "get_accelerator_quota_statistics": types.ApiGetAcceleratorQuotaStatisticsRequest,
        "get_kernel_session_status": types.ApiGetKernelSessionStatusRequest,
        "list_kernel_session_output": types.ApiListKernelSessionOutputRequest,
    }


def _unusable(error: Exception) -> UnusableAnswer:
    return UnusableAnswer(
        "Kaggle's answer is not what this version of its client understands "
        f"({type(error).__name__})"
    )


def _from_status(error: Any) -> Exception:
    """Return the error, or the reason for another try, that an HTTP status stands for.

    Some answers have status 200 and an error's code in their body; then that one counts.
    """
    code = error.response.status_code
    if code < 400:
        code = error.response.json()["code"]
    said = masking.presentable(str(error))
    check = (
        "check competition, kaggle.username and kaggle.kernel_slug in params.yaml, and accept the "
        "competition's rules on its page, under /rules"
    )
    if is_worth_repeating(code):
        asked_s = retry_after_s(error.response.headers.get("Retry-After"))
        return Retryable(f"HTTP {code} ({said})", retry_after_s=asked_s, untouched=code == 429)
    if code == 401:
        source = _token_source()
        which = f"the token in {source}" if source else "the credentials"
        return CredentialsRefused(f"Kaggle does not accept {which}: {CREDENTIALS_HELP}")
    if code == 403:
        return AccessRefused(f"Kaggle denies access ({said}): {check}")
    if code == 404:
        return NotFound(f"Kaggle knows no such thing ({said}): {check}")
    return RequestRefused(f"Kaggle refused (HTTP {code}): {said}")


def _credentials_place() -> str:
    """Return where the credentials lie that the client takes first, for messages."""
    folder = os.environ.get("KAGGLE_CONFIG_DIR", "~/.kaggle")
    if "KAGGLE_USERNAME" in os.environ and "KAGGLE_KEY" in os.environ:
        key = "KAGGLE_USERNAME and KAGGLE_KEY"
    else:
        key = f"{folder}/kaggle.json"
    return _token_source() or key


def _token_source() -> str:
    """Return where the token lies that goes before all other credentials, or ""."""
    from kagglesdk.kaggle_env import get_access_token_from_env

    try:
        source = get_access_token_from_env()[1] or ""
    except (OSError, ValueError):  # it cannot be read as text
        source = "access_token"
    return "~/.kaggle/access_token" if source == "access_token" else source
