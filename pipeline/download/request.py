"""One HTTP request, and what its failures mean: worth another try, or not."""

import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.download import masking
from pipeline.download.errors import PermanentFailure
from pipeline.download.retry import Retryable, is_worth_repeating, retry_after_s

if TYPE_CHECKING:
    import requests


@contextmanager
def send(
    method: str,
    url: str,
    *,
    timeout_s: float,
    accepted: Collection[int],
    expired: Collection[int] = (),
    **options: Any,
) -> Iterator["requests.Response"]:
    """Send a request and yield its answer, whose body comes as it is read.

    Args:
        timeout_s: seconds to connect, and without a byte.
        accepted: the statuses that are yielded.
        expired: statuses that a fresh address may mend.
        options: as `requests.request` takes them.

    Raises:
        Retryable: the connection failed, or a status of `expired` or worth repeating came.
        PermanentFailure: another status, a bad certificate, an address that is none.
    """
    import requests

    secrets = masking.secrets_of(url)
    try:
        answer = requests.request(method, url, stream=True, timeout=timeout_s, **options)
    except requests.RequestException as error:
        raise failure_of(error, secrets) from None
    except ValueError as error:  # a redirect to an address that is none
        raise PermanentFailure(masking.presentable(str(error), secrets)) from None
    with answer:
        status = answer.status_code
        if status not in accepted:
            if is_worth_repeating(status) or status in expired:
                asked_s = retry_after_s(answer.headers.get("Retry-After"))
                raise Retryable(f"HTTP {status}", retry_after_s=asked_s)
            text = f"HTTP {status} {answer.reason or ''}"
            raise PermanentFailure(masking.presentable(text, secrets))
        yield answer


def failure_of(
    error: "requests.RequestException", secrets: Collection[str]
) -> Retryable | PermanentFailure:
    """Return what an error of requests means. Its text is presentable, without `secrets`."""
    import requests

    text = masking.presentable(reason(error), secrets)
    if isinstance(error, requests.ConnectTimeout):
        return Retryable("cannot be reached in time", untouched=True)
    if isinstance(error, requests.Timeout):
        return Retryable("no answer in time")
    if isinstance(error, requests.exceptions.SSLError):
        cut = isinstance(_innermost(error), (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        return Retryable(text) if cut else PermanentFailure(text)
    if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return Retryable(text)
    return PermanentFailure(text)  # an address that is none, endless redirects


def reason(error: BaseException) -> str:
    """Return the innermost cause in a few words: requests wraps urllib3, which wraps the
    system's."""
    error = _innermost(error)
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split()) or type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    while True:
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            return error
        error = inner
