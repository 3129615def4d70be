"""The app on a local port, and the page in a real browser."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.sudoku import app, server
from pipeline.sudoku import game as sudoku_game
from pipeline.sudoku.boards import puzzle
from tests.browser import Visit
from tests.browser import visit as open_in
from tests.sudoku import synthetic

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The app's address, with a slash at its end."""
    with server.bound("127.0.0.1", 0) as opened:
        running = server.listening(app.create(synthetic.supply()), opened)
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
        running.close()


class Game:
    """The page as a player has it."""

    def __init__(self, visited: Visit) -> None:
        self.page: Page = visited.page
        self.requests, self.complaints = visited.requests, visited.complaints

    def wait(self) -> None:
        self.page.wait_for_selector("body[data-ready]")

    def cell(self, number: int) -> "Locator":
        return self.page.get_by_role("gridcell").nth(number)

    def label(self, number: int) -> str:
        """Return what a screen reader says of a cell behind its place."""
        return self.cell(number).get_attribute("aria-label").partition(": ")[2]

    def labels(self) -> list[str]:
        names = self.page.get_by_role("gridcell").evaluate_all(
            "cells => cells.map(cell => cell.ariaLabel)"
        )
        return [name.partition(": ")[2] for name in names]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def until(self, expression: str) -> None:
        """Wait for an expression to be true; playwright's own way is against the page's policy."""
        for _ in range(200):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{expression} did not come true")

    @property
    def message(self) -> str:
        return self.page.get_by_role("status").inner_text()

    @property
    def address(self) -> tuple[str, int]:
        found = re.search(r"\?level=(\w+)&seed=(\d+)$", self.page.url)
        return found[1], int(found[2])

    @property
    def board(self) -> puzzle.Puzzle:
        return sudoku_game.board(*self.address)


@pytest.fixture
def play(browser: "Browser", site: str) -> Callable:
    """`with play(level, seed, width=…, …) as game:` opens the page with a board."""

    @contextmanager
    def opened(
        level: str = "easy", seed: int = 7, *, width: int = 1200, **context: Any
    ) -> Iterator[Game]:
        address = f"{site}?level={level}&seed={seed}"
        with open_in(browser, address, width=width, **context) as visited:
            game = Game(visited)
            game.wait()
            yield game
            assert game.complaints == []
            strange = [
                url for url in game.requests if not url.startswith((site, "data:", "blob:" + site))
            ]
            assert strange == []

    return opened
