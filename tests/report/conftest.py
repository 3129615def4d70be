"""A run to report on, and a real browser to open the page in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.common.paths import Paths
from tests.browser import Visit
from tests.browser import visit as open_in
from tests.report.synthetic import write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def run_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A whole run, read only."""
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def visit(browser: "Browser") -> Callable:
    """`with visit(path, width=…, scheme=…) as visited:` opens a file without a network."""

    def opened(
        path: Path, *, width: int = 1200, scheme: str = "light"
    ) -> AbstractContextManager[Visit]:
        return open_in(browser, path.as_uri(), width=width, color_scheme=scheme, offline=True)

    return opened
