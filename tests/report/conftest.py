"""A run to report on, and a real browser to open the page in."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.common.paths import Paths
from tests.report.synthetic import write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# The last one makes every name unknown: whatever a page asks for fails.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@pytest.fixture(scope="session")
def run_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A whole run, read only."""
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium without a network; skips where none is installed."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("no Chromium found: install one (apt install chromium) or point CHROMIUM at it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield launched
        launched.close()


@dataclass
class Visit:
    """An open page, its requests and its errors."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: "Browser") -> Callable:
    """`with visit(path, width=…, scheme=…) as visited:` opens a file without a network."""

    @contextmanager
    def opened(path: Path, *, width: int = 1200, scheme: str = "light") -> Iterator[Visit]:
        context = browser.new_context(
            viewport={"width": width, "height": 850}, color_scheme=scheme, offline=True
        )
        visited = Visit(context.new_page())
        visited.page.on("request", lambda request: visited.requests.append(request.url))
        visited.page.on("pageerror", lambda error: visited.complaints.append(str(error)))
        visited.page.on(
            "console",
            lambda line: visited.complaints.append(line.text) if line.type == "error" else None,
        )
        visited.page.goto(path.as_uri())
        try:
            yield visited
        finally:
            context.close()

    return opened
