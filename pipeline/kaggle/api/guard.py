"""Keep the kaggle client's side effects away from the process that uses it."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the client's prints off stdout and our stdin out of its hands: where it finds no
    credentials it prints its help and leaves through `exit()`, which closes stdin."""
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.stdin = stdin


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Change the environment while the client is imported.

    Importing it authenticates, over the network and without a deadline: proxies that are not there
    end that at once, and we authenticate afterwards, with one. VERBOSE would make it print every
    request with its Authorization header, then and later.
    """
    nowhere = "http://127.0.0.1:1"
    changes: dict[str, str | None] = {"no_proxy": "", "VERBOSE": None, "VERBOSE_OUTPUT": None}
    changes |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), nowhere)
    # Both spellings count, and the lower case one is asked first.
    changes |= {name.upper(): value for name, value in changes.items()}
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set(changes)
        with quiet():
            yield
    finally:
        _set(before)


def _set(changes: dict[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
