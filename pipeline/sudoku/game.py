"""A game as the page and the JSON interface get it: a board, and a sample for each clue."""

from __future__ import annotations

import base64
import functools
from typing import Any

from pipeline.sudoku.boards import puzzle
from pipeline.sudoku.boards.cells import CELLS, DIGITS, conflicts
from pipeline.sudoku.digits.pool import LEAST, Picture, Pool

# A board takes up to a fifth of a second; these are some megabytes.
_KEPT_BOARDS = 512

board = functools.lru_cache(_KEPT_BOARDS)(puzzle.make)


def picture(of: Picture) -> dict[str, Any]:
    """Return a picture as plain values: class, confidence, PNG file in base64."""
    png = base64.b64encode(of.png).decode()
    return {"class": of.digit, "confidence": of.confidence, "png": png}


def clues(pool: Pool, level: str, seed: int) -> dict[str, Any]:
    """Return a board and its pictures, each one another sample; the same for the same arguments."""
    made = board(level, seed)
    left = {
        digit: iter(pool.choose(digit, LEAST, seed=seed, stream=f"sudoku {level}"))
        for digit in DIGITS
    }
    return {
        "level": level,
        "seed": seed,
        "clues": list(made.clues),
        "pictures": [
            {"cell": cell} | picture(next(left[made.clues[cell]]))
            for cell in CELLS
            if made.clues[cell]
        ],
    }


def digits(pool: Pool, label: int, count: int, seed: int) -> dict[str, Any]:
    """Return different pictures of one digit.

    Raises:
        InputError: there are not so many.
    """
    chosen = pool.choose(label, count, seed=seed, stream="digits")
    return {"label": label, "seed": seed, "pictures": [picture(each) for each in chosen]}


def check(level: str, seed: int, cells: list[int]) -> dict[str, Any]:
    """Return what is wrong in a filled-in board: cells whose digit stands twice in a row, column or
    box, cells that are not as in the solution, and how many are blank. Never the solution."""
    made = board(level, seed)
    return {
        "conflicts": conflicts(cells),
        "wrong": [
            cell
            for cell in CELLS
            if cells[cell] != made.solution[cell] and (cells[cell] or made.clues[cell])
        ],
        "blanks": cells.count(0),
        "solved": tuple(cells) == made.solution,
    }
