"""Make a board from a seed and a level: the same board wherever it is made."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.common import randomness
from pipeline.sudoku.boards import solver, techniques
from pipeline.sudoku.boards.cells import CELLS, Board
from pipeline.sudoku.boards.techniques import Grade

# A level's number is that of the hardest technique that its boards need (`Technique.level`).
LEVELS = ("easy", "medium", "hard", "expert")
SEEDS = range(2**32)
_EMPTY: Board = (0,) * 81
# Below so many clues no more are taken away, so that easy boards stay easy to look over.
_FEWEST_CLUES = (34, 28, 22, 22)


@dataclass(frozen=True)
class Puzzle:
    """A board with one solution.

    Attributes:
        level: one of `LEVELS`.
        clues: symmetric under a half turn, as printed ones are.
        solution: the only one.
        grade: what solving it takes.
    """

    level: str
    seed: int
    clues: Board
    solution: Board
    grade: Grade


def make(level: str, seed: int) -> Puzzle:
    """Return the board of a level and a seed, a function of these alone.

    Grids follow each other until one has a board that needs a technique of the level and none
    above it. A person needs few clues for an easy board to be easy, so that one is dug as far as
    the techniques go; hard ones are rare, so they are looked for among boards with as few clues as
    the solution stands.
    """
    number = LEVELS.index(level)
    dig = _as_far_as_techniques_go if number < 2 else _with_the_fewest_clues
    for attempt in itertools.count():
        stream = f"sudoku {level}"
        order = randomness.permutation(seed, f"{stream}: grid", attempt, 729).tolist()
        solution = next(solver.solutions(_EMPTY, order))
        pairs = randomness.permutation(seed, f"{stream}: clues", attempt, 41).tolist()
        for board in dig(solution, pairs, number):
            grade = techniques.grade(board, hardest=number)
            if grade.level == number:
                assert solver.only_solution(board) == solution
                return Puzzle(level, seed, board, solution, grade)
    raise AssertionError("unreachable")


def _as_far_as_techniques_go(solution: Board, pairs: list[int], level: int) -> Iterator[Board]:
    """Yield the board that is left when pair after pair of clues goes, each if the techniques up
    to the level still solve the board."""

    def is_solved(board: Board) -> bool:
        return techniques.grade(board, hardest=level).level is not None

    yield _dug(solution, pairs, is_solved, _FEWEST_CLUES[level])[0]


def _with_the_fewest_clues(solution: Board, pairs: list[int], level: int) -> Iterator[Board]:
    """Yield the board that is left when pair after pair of clues goes, each if the solution stays
    the only one; then, where it needs more than the level has, those with one pair put back."""

    def is_unique(board: Board) -> bool:
        return solver.is_only_solution(board, solution)

    fewest, removed = _dug(solution, pairs, is_unique, _FEWEST_CLUES[level])
    yield fewest
    if techniques.grade(fewest, hardest=level).level is None:
        for pair in removed:
            back = {pair, 80 - pair}
            yield tuple(solution[cell] if cell in back else fewest[cell] for cell in CELLS)


def _dug(
    solution: Board, pairs: list[int], is_good: Callable[[Board], bool], fewest_clues: int
) -> tuple[Board, list[int]]:
    """Return the board without each pair that could go, in order, and these pairs.

    A pair is a cell and the opposite one, so that a half turn maps the clues on themselves.
    """
    # The fewer clues, the worse, so that the first pairs to go are found by halving.
    boards = [_without(solution, pairs[:count]) for count in range(len(pairs) + 1)]
    first = bisect.bisect_left(
        boards, True, key=lambda board: 81 - board.count(0) < fewest_clues or not is_good(board)
    )
    board, removed = boards[first - 1], pairs[: first - 1]
    for pair in pairs[first:]:
        fewer = _without(board, [pair])
        if 81 - fewer.count(0) >= fewest_clues and is_good(fewer):
            board = fewer
            removed.append(pair)
    return board, removed


def _without(board: Board, cells: list[int]) -> Board:
    """Return the board without the clues of these cells and of those opposite."""
    blank = {*cells, *(80 - cell for cell in cells)}
    return tuple(0 if cell in blank else clue for cell, clue in enumerate(board))
