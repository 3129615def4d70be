"""A real browser for the pages: Chromium without a network, and what an open page did."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# The last one makes every name unknown but loopback: whatever a page asks for elsewhere fails.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def launched() -> "Iterator[Browser]":
    """Yield Chromium; skip the test where none is installed."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("no Chromium found: install one (apt install chromium) or point CHROMIUM at it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, its requests and its errors."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(
    browser: "Browser", address: str, *, width: int, height: int = 850, **context: Any
) -> Iterator[Visit]:
    """Open an address in a fresh profile; `context` as for playwright's `new_context`."""
    opened = browser.new_context(viewport={"width": width, "height": height}, **context)
    visited = Visit(opened.new_page())
    visited.page.on("request", lambda request: visited.requests.append(request.url))
    visited.page.on("pageerror", lambda error: visited.complaints.append(str(error)))
    visited.page.on(
        "console",
        lambda line: visited.complaints.append(line.text) if line.type == "error" else None,
    )
    visited.page.goto(address)
    try:
        yield visited
    finally:
        opened.close()


def accessibility_faults(page: "Page") -> list[tuple[str, str, list[str]]]:
    """Return what axe-core finds: rule, impact and the first places."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response
    assert found["passes"], "axe did run"
    return [
        (fault["id"], fault["impact"], [node["html"][:120] for node in fault["nodes"]][:3])
        for fault in found["violations"]
    ]
