"""The game in a real browser, played as people play it."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.sudoku import page
from pipeline.sudoku.boards import puzzle
from tests.browser import accessibility_faults, visit
from tests.sudoku import synthetic
from tests.sudoku.conftest import Game

pytestmark = pytest.mark.browser


def blanks(board: puzzle.Puzzle) -> list[int]:
    return [cell for cell, clue in enumerate(board.clues) if not clue]


def type_solution(game: Game, solution: tuple[int, ...]) -> None:
    """Go over the board by the arrow keys, row by row, and type each digit."""
    clues = game.board.clues
    game.cell(0).click()
    for cell in range(81):
        if clues[cell] == 0:
            game.press(str(solution[cell]))
        game.press("ArrowRight")  # at a row's end, to its start
        if cell % 9 == 8:
            game.press("ArrowDown")


def darkness(shot: bytes) -> np.ndarray:
    """Return a screenshot's grey levels."""
    return np.asarray(Image.open(io.BytesIO(shot)).convert("L")).astype(int)


def test_a_whole_game_by_keyboard(play: Callable) -> None:
    with play("easy", 7) as game:
        type_solution(game, game.board.solution)
        dialog = game.page.get_by_role("dialog", name="Solved")
        dialog.wait_for()
        assert re.search(r"The easy board 7, in \d:\d\d\.", dialog.inner_text())
        game.page.keyboard.press("Enter")
        dialog.wait_for(state="hidden")
        assert game.message.startswith("Solved")
        assert game.labels() == [
            f"{digit}, clue" if clue else str(digit)
            for digit, clue in zip(game.board.solution, game.board.clues, strict=True)
        ]
        # A solved board stays as it is.
        game.cell(blanks(game.board)[0]).click()
        game.press("Delete", "Control+z")
        assert game.page.get_by_role("button", name="1, done").count() == 1


def test_a_whole_game_by_touch_on_a_small_screen(play: Callable) -> None:
    with play("easy", 7, width=320, height=640, has_touch=True, is_mobile=True) as game:
        assert game.page.evaluate("document.documentElement.scrollWidth") <= 320
        pad = game.page.get_by_role("group", name="Digits").get_by_role("button")
        for button in [*pad.all(), game.page.get_by_role("button", name="Undo")]:
            box = button.bounding_box()
            assert box["width"] >= 24 and box["height"] >= 40
            assert box["y"] + box["height"] <= 640, "all of the game on one screen"
        cells, digits = (
            found.evaluate_all(
                "all => all.map(each => { const box = each.getBoundingClientRect();"
                " return [box.x + box.width / 2, box.y + box.height / 2]; })"
            )
            for found in (game.page.get_by_role("gridcell"), pad)
        )
        for cell in blanks(game.board):
            game.page.touchscreen.tap(*cells[cell])
            game.page.touchscreen.tap(*digits[game.board.solution[cell] - 1])
        game.page.get_by_role("dialog", name="Solved").wait_for()


def test_notes_undo_and_redo(play: Callable) -> None:
    with play("easy", 7) as game:
        first, second = next(
            (a, b)
            for a in blanks(game.board)
            for b in blanks(game.board)
            if a // 9 == b // 9 and a < b
        )
        game.cell(first).click()
        game.press("Shift+Digit4", "Shift+Digit7", "Shift+Digit9", "Shift+Digit7")
        assert game.label(first) == "notes 4 and 9"
        game.press("n", "2", "n")
        assert game.label(first) == "notes 2, 4 and 9"
        # A digit takes itself out of the notes that it rules out, in one step.
        game.cell(second).click()
        game.press("4")
        assert game.label(first) == "notes 2 and 9"
        game.press("Control+z")
        assert game.label(first) == "notes 2, 4 and 9" and game.label(second) == "blank"
        game.press("Control+z", "Control+z")
        assert game.label(first) == "notes 4, 7 and 9"
        game.press("Control+y", "Control+Shift+Z", "Control+y")
        assert game.label(first) == "notes 2 and 9" and game.label(second).startswith("4")
        assert game.page.get_by_role("button", name="Redo").is_disabled()
        game.page.get_by_role("button", name="Undo").click()
        game.press("Delete")
        assert game.page.get_by_role("button", name="Redo").is_enabled(), "nothing to erase there"
        game.cell(first).click()
        game.press("Backspace")
        assert game.label(first) == "blank"


def test_a_wrong_digit_is_found_when_asked_and_a_conflict_at_once(play: Callable) -> None:
    with play("easy", 7) as game:
        board = game.board
        for cell in blanks(board):
            row = board.clues[cell // 9 * 9 : cell // 9 * 9 + 9]
            clash = next(digit for digit in row if digit)
            break
        game.cell(cell).click()
        game.press(str(clash))
        assert game.message.startswith("In conflict")
        assert game.label(cell) == f"{clash}, in conflict"
        assert sum(label.endswith("in conflict") for label in game.labels()) >= 2
        game.press("c")
        assert game.message.startswith("One digit is wrong")
        assert game.label(cell) == f"{clash}, wrong"
        game.press("h")
        assert game.message.startswith("A mistake")
        game.press("h")
        assert game.label(cell) == "blank"
        game.press("c")
        assert game.message.startswith("All right so far")
        clue = next(cell for cell, digit in enumerate(board.clues) if digit)
        game.cell(clue).click()
        game.press("1", "Delete", "Shift+Digit2")
        assert game.label(clue) == f"{board.clues[clue]}, clue"


@pytest.mark.parametrize("level", puzzle.LEVELS)
def test_hints_lead_to_the_end_and_say_why(play: Callable, level: str) -> None:
    """The page's techniques solve what ours do: no hint has to give the solution away."""
    titles = set()
    for seed in (7, 8):
        with play(level, seed) as game:
            told = game.page.evaluate(
                "() => { const told = [];"
                " const press = () => document.body.dispatchEvent("
                "  new KeyboardEvent('keydown', {key: 'h', bubbles: true}));"
                " while (!document.querySelector('#solved').open && told.length < 400) {"
                "  press(); told.push(document.querySelector('#message').innerText); press(); }"
                " return told; }"
            )
            assert game.page.get_by_role("dialog", name="Solved").count() == 1
            assert all("row" in each or "column" in each for each in told)
            titles |= {each.partition("\n")[0] for each in told}
    easy = {"Only place", "Last blank cell"}
    hard = {"Pointing", "Claiming", "Naked pair", "Hidden pair"}
    expert = {"Naked triple", "Hidden triple", "X-wing", "XY-wing", "Swordfish"}
    allowed = {
        "easy": easy,
        "medium": easy | {"Only digit"},
        "hard": easy | hard | {"Only digit"},
        "expert": easy | hard | expert | {"Only digit"},
    }
    assert titles <= allowed[level]
    assert level != "hard" or titles & hard
    assert level != "expert" or titles & expert


def test_a_hint_explains_first(play: Callable) -> None:
    with play("easy", 7) as game:
        game.press("h")
        pattern = r"In the .+ box, (\d) fits nowhere but in row (\d), column (\d)\."
        found = re.search(pattern, game.message)
        assert found
        assert game.labels().count("blank") == len(blanks(game.board))
        game.press("h")
        assert game.labels().count("blank") == len(blanks(game.board)) - 1
        cell = 9 * int(found[2]) + int(found[3]) - 10
        assert game.label(cell) == found[1] == str(game.board.solution[cell])


def test_a_reload_in_the_middle_loses_nothing(play: Callable, site: str) -> None:
    with play("easy", 7) as game:
        first, second = blanks(game.board)[:2]
        game.cell(first).click()
        game.press(str(game.board.solution[first]))
        game.cell(second).click()
        game.press("Shift+Digit4")
        before = game.labels()
        game.until("document.querySelector('#clock').textContent >= '0:01'")
        game.page.reload()
        game.wait()
        assert game.labels() == before
        assert game.page.locator("#clock").inner_text() >= "0:01"
        game.press("Control+z")
        assert game.label(second) == "blank"
        # The plain address opens the last game.
        game.page.goto(site)
        game.wait()
        assert game.address == ("easy", 7)
        assert game.label(first) == str(game.board.solution[first])
        # Spoilt storage is no game.
        game.page.evaluate("localStorage.setItem('sudoku game easy 7', '{\"cells\": [1]}')")
        game.page.evaluate("onpagehide = null; state = null")
        game.page.reload()
        game.wait()
        assert game.labels().count("blank") == len(blanks(game.board))


def test_the_address_is_the_board(play: Callable) -> None:
    with play("medium", 11) as game:
        before = game.labels()
        game.page.get_by_text("hard", exact=True).click()
        game.page.get_by_role("button", name="New game").click()
        game.page.wait_for_selector("body[data-ready^=hard]")
        assert game.address[0] == "hard"
        clues = [label.removesuffix(", clue") for label in game.labels()]
        assert [int(clue) if clue != "blank" else 0 for clue in clues] == list(game.board.clues)
        game.page.go_back()
        game.page.wait_for_selector("body[data-ready^=medium]")
        assert game.address == ("medium", 11) and game.labels() == before
        assert "medium · board 11" in game.page.locator("#title").inner_text()


def test_the_clock_rests_while_the_page_is_hidden(play: Callable) -> None:
    with play("easy", 7) as game:
        game.page.evaluate(
            "Object.defineProperty(document, 'hidden', {get: () => window.isAway, "
            "configurable: true}); window.isAway = true;"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        before = game.page.evaluate("state.seconds")
        game.page.wait_for_timeout(700)
        assert game.page.evaluate("tick(), state.seconds") == before
        game.page.evaluate(
            "window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))"
        )
        game.page.wait_for_timeout(300)
        assert before < game.page.evaluate("tick(), state.seconds") < before + 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_clues_are_seen_in_light_and_dark(play: Callable, scheme: str) -> None:
    with play("easy", 7, color_scheme=scheme) as game:
        game.until(
            "[...document.querySelectorAll('.ink')].every("
            "ink => ink.style.getPropertyValue('--ink-picture').startsWith('url'))"
        )
        clue = next(cell for cell in range(80, 0, -1) if game.board.clues[cell])
        blank = next(cell for cell in range(80, 0, -1) if not game.board.clues[cell])
        game.cell(0).click()
        drawn = darkness(game.cell(clue).screenshot())
        back = np.median(darkness(game.cell(blank).screenshot()))
        assert back > 200 if scheme == "light" else back < 60
        share = (np.abs(drawn - back) > 90).mean()
        assert 0.02 < share < 0.5


def test_own_digits_may_be_generated_ones(play: Callable) -> None:
    with play("easy", 7) as game:
        cell = blanks(game.board)[0]
        game.cell(cell).click()
        game.press(str(game.board.solution[cell]))
        assert game.cell(cell).locator(".ink").count() == 0
        game.page.get_by_role("switch").click()
        game.cell(cell).locator(".ink").wait_for()
        assert game.label(cell) == str(game.board.solution[cell])
        game.page.reload()
        game.wait()
        assert game.page.get_by_role("switch").is_checked()
        assert game.cell(cell).locator(".ink").count() == 1
        # Who has just used the switch goes on by keyboard.
        game.page.get_by_role("switch").click()
        game.cell(cell).locator(".ink").wait_for(state="detached")
        game.press("Shift+Digit4")
        assert game.labels().count("notes 4") == 1


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 320)])
def test_no_accessibility_fault(play: Callable, site: str, scheme: str, width: int) -> None:
    with play("easy", 7, color_scheme=scheme, width=width) as game:
        first, second = blanks(game.board)[:2]
        game.cell(first).click()
        game.press("Shift+Digit4")
        game.cell(second).click()
        game.press("1", "2", "c")
        game.page.locator("summary").click()
        assert accessibility_faults(game.page) == []
        game.page.get_by_role("button", name="About the digits").click()
        assert accessibility_faults(game.page) == []
        game.page.goto(site + "about")
        assert accessibility_faults(game.page) == []


@pytest.mark.parametrize("width", [320, 390, 768, 3840])
def test_no_sideways_scrolling(play: Callable, width: int) -> None:
    with play("expert", 7, width=width, height=int(width * 0.6) + 300) as game:
        assert game.page.evaluate("document.documentElement.scrollWidth") <= width
        box = game.page.get_by_role("grid").bounding_box()
        assert box["width"] >= 0.3 * width and abs(box["width"] / box["height"] - 1) < 0.01
        game.page.get_by_role("button", name="About the digits").click()
        assert game.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_print_view_has_the_board_alone(play: Callable) -> None:
    with play("easy", 7, color_scheme="dark") as game:
        game.page.emulate_media(media="print", color_scheme="dark")
        assert game.page.get_by_role("grid").is_visible()
        assert game.page.locator("#title").is_visible()
        assert game.page.locator("button:visible").count() == 0
        shot = darkness(game.cell(blanks(game.board)[1]).screenshot())
        assert np.median(shot) == 255


def test_a_page_of_its_own_needs_no_server(browser, tmp_path: Path) -> None:
    path = tmp_path / "a board & more.html"
    path.write_text(page.standalone(synthetic.supply(), "easy", 7), encoding="utf-8")
    with visit(browser, path.as_uri(), width=1200, offline=True) as visited:
        game = Game(visited)
        game.wait()
        board = puzzle.make("easy", 7)
        cell = blanks(board)[0]
        game.cell(cell).click()
        game.press(str(board.solution[cell]))
        game.page.get_by_role("switch").click()
        game.cell(cell).locator(".ink").wait_for()
        assert not game.page.get_by_role("button", name="New").is_visible()
        game.page.reload()
        game.wait()
        assert game.label(cell) == str(board.solution[cell])
        assert game.complaints == []
        elsewhere = [
            url for url in game.requests if not url.startswith(("data:", "blob:", path.as_uri()))
        ]
        assert elsewhere == []


def test_without_a_server_the_page_says_so(play: Callable) -> None:
    with play("easy", 7) as game:
        game.page.route("**/api/**", lambda route: route.abort())
        game.page.get_by_role("button", name="New game").click()
        game.until("document.querySelector('#message').innerText.includes('does not answer')")
        game.complaints.clear()  # the browser's own line about the failed request


def test_names_of_cells_tell_row_column_and_content(play: Callable) -> None:
    with play("easy", 7) as game:
        grid = game.page.get_by_role("grid", name="Sudoku")
        assert grid.get_by_role("row").count() == 9
        assert grid.get_by_role("gridcell").count() == 81
        name = game.cell(3).get_attribute("aria-label")
        assert re.fullmatch(r"Row 1, column 4: (\d, clue|blank)", name)
        game.cell(3).click()
        game.press("ArrowDown", "ArrowLeft")
        focused = game.page.evaluate("document.activeElement.ariaLabel")
        assert focused.startswith("Row 2, column 3")
        assert game.page.locator("[role=gridcell][tabindex='0']").count() == 1
