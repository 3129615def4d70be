"""What lies between Kaggle's client and the network: deadlines, statuses first, no secrets back.

Imported late, with requests, which a kernel on Kaggle does not need.
"""

import base64
import binascii
import io
import json
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import requests
import urllib3

from pipeline.download import masking
from pipeline.kaggle.api import statuses
from pipeline.kaggle.api.once import UnusableAnswer

_LONGEST_ANSWER = 5  # deadlines that an answer may take in all, as long as bytes come in
_LOGIN_FIELDS = ("token", "refreshToken")  # of requests: credentials


class KaggleAdapter(requests.adapters.HTTPAdapter):
    """Send the client's requests. The client itself sets no timeout and trusts every answer.

    Attributes:
        sent: requests so far.
        secrets: the credentials that they carried. A server can echo no others, and in what comes
            back there is `***` in their place.
        unknown_statuses: in the answers so far; see `statuses`.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self.sent = 0
        self.secrets: set[str] = set()
        self.unknown_statuses: set[str] = set()
        self._timeout_s = timeout_s

    def send(self, request: Any, **options: Any) -> Any:
        """Return the answer, read whole unless the client asked for a stream.

        Raises:
            requests.HTTPError: a status from 400 on, whatever the body says; with its message.
            UnusableAnswer: a good status, and no JSON object.
            ValueError: a header cannot be sent as it is.
            requests.RequestException: the connection failed, or the answer took too long.
        """
        end = time.monotonic() + _LONGEST_ANSWER * self._timeout_s
        self.secrets |= credentials_of(request)
        _require_sendable(request)
        self.sent += 1
        ours = {"timeout": self._timeout_s, "stream": True}
        answer = super().send(request, **(options | ours))
        status = answer.status_code
        if status >= 400 or not options.get("stream"):
            content = _hidden(_whole(answer, end), self.secrets)
            if status < 300:
                _require_object(content)
                method = request.url.rpartition("/")[2]
                content, unknown = statuses.made_known(method, content)
                self.unknown_statuses |= unknown
            answer.raw = io.BytesIO(content)
        if status < 400:
            return answer
        text = masking.presentable(message_of(answer) or answer.reason or "", self.secrets)
        raise requests.HTTPError(text, response=answer)


def _require_sendable(request: Any) -> None:
    """Raise ValueError where a header holds what no header may: a token's file with a byte order
    mark, or with two lines. http.client would say so with the token in its words."""
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if any(ord(letter) > 255 or letter in "\r\n\0" for letter in text):
            raise ValueError(
                f"{name} would hold a line end, or a character such as a byte order mark"
            )


def credentials_of(request: Any) -> set[str]:
    """Return the credentials in a prepared request, in the forms in which they can come back."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    found = {value}
    if scheme.lower() == "basic":
        with suppress(binascii.Error, UnicodeDecodeError):  # then there is no key to find
            found.add(base64.b64decode(value).decode().partition(":")[2])
    try:
        fields = json.loads(request.body or b"{}")
    except ValueError:
        fields = {}
    if isinstance(fields, dict):
        found |= {fields[name] for name in _LOGIN_FIELDS if isinstance(fields.get(name), str)}
    return found - {""}


def message_of(answer: Any) -> str:
    """Return the message of an error as Kaggle words one, `{"code": …, "message": …}`, or ""."""
    try:
        content = answer.json()
    except ValueError:
        return ""
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else ""


def _require_object(content: bytes) -> None:
    """Raise UnusableAnswer unless the content is a JSON object, as each answer of the API is.

    The client takes a list for an object whose fields have their defaults.
    """
    try:
        is_object = isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        start = masking.presentable(content[:60].decode(errors="replace"))
        raise UnusableAnswer(f"an answer that is no JSON object (it begins with {start!r})")


def _whole(answer: Any, end: float) -> bytes:
    """Return an answer's content, given up at `end` even where byte after byte comes in."""
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
        raise requests.ConnectionError("the connection broke") from None
    return b"".join(pieces)


def _hidden(content: bytes, secrets: Collection[str]) -> bytes:
    """Return an answer's content with `***` in the place of each secret.

    In JSON a secret can be written with escapes, so it is looked for in the texts that it holds.
    A field `token` stays as it is: it is a new credential, for the client.
    """
    try:
        parsed = json.loads(content)
        hidden = _hidden_in(parsed, secrets)
    except (ValueError, RecursionError):
        for secret in secrets:
            content = content.replace(secret.encode(), masking.MASK.encode())
        return content
    return content if hidden == parsed else json.dumps(hidden).encode()


def _hidden_in(value: Any, secrets: Collection[str]) -> Any:
    if isinstance(value, str):
        return masking.masked(value, secrets)
    if isinstance(value, list):
        return [_hidden_in(one, secrets) for one in value]
    if isinstance(value, dict):
        return {
            masking.masked(name, secrets): one if name == "token" else _hidden_in(one, secrets)
            for name, one in value.items()
        }
    return value
