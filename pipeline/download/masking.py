"""Texts of servers made fit to show: without credentials, without signed addresses, in one line."""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, quote, unquote, urlsplit

MASK = "***"
_SHORTEST = 6  # a shorter secret would blank half of a message
_LONGEST_TEXT = 300


def shown(url: str) -> str:
    """Return an address without its user, password and query."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])


def masked(text: str, secrets: Collection[str]) -> str:
    """Return `text` with `***` in the place of each secret of 6 characters or more."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return text


def presentable(text: str, secrets: Collection[str] = ()) -> str:
    """Return a server's text for a message: masked, addresses as in `shown`, one line of at most
    300 characters."""
    text = re.sub(r"https?://\S+", lambda found: shown(found[0]), masked(text, secrets))
    return " ".join(text.split())[:_LONGEST_TEXT]


def secrets_of(url: str) -> set[str]:
    """Return what an address may hold of secrets: user, password, query and its values, as they
    stand there and decoded."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address, so nothing is sent to it
        return set()
    found = {parts.username or "", parts.password or "", parts.query}
    found |= {value for _, value in parse_qsl(parts.query)}
    return found | {unquote(one) for one in found} | {quote(one, safe="") for one in found}
