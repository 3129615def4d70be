"""Make a board from a seed and a level: the same board wherever it is made."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.common import randomness
from pipeline.sudoku.boards import solver, techniques
from pipeline.sudoku.boards.cells import BOXES, CELLS, DIGITS, Board
from pipeline.sudoku.boards.techniques import Grade

# A level's number is that of the hardest technique that its boards need (`Technique.level`).
LEVELS = ("easy", "medium", "hard", "expert")
SEEDS = range(2**32)
_DIAGONAL = (BOXES[0], BOXES[4], BOXES[8])
_ORDERS_OF_A_GRID = 32  # in which its clues are taken away, before another grid is made
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

    Clues are taken away from a full grid, in one order after the other, until a board is left that
    needs a technique of the level and none above it. A person needs few clues for an easy board to
    be easy, so that one is dug as far as the techniques go; hard ones are rare, so they are looked
    for among boards with as few clues as the solution stands.
    """
    number = LEVELS.index(level)
    dig = _as_far_as_techniques_go if number < 2 else _with_the_fewest_clues
    for attempt in itertools.count():
        if attempt % _ORDERS_OF_A_GRID == 0:
            grid = _Grid(_filled(seed, f"sudoku {level}: grid", attempt))
        pairs = randomness.permutation(seed, f"sudoku {level}: clues", attempt, 41).tolist()
        for board in dig(grid, pairs, number):
            grade = techniques.grade(board, hardest=number)
            if grade.level == number:
                assert solver.only_solution(board) == grid.solution
                return Puzzle(level, seed, board, grid.solution, grade)
    raise AssertionError("unreachable")


def _filled(seed: int, stream: str, attempt: int) -> Board:
    """Return a random full grid."""
    ranks = randomness.permutation(seed, stream, attempt, 729).tolist()
    board = [0] * 81
    for box in _DIAGONAL:  # they share no row or column, so any digits fit
        for digit, cell in zip(DIGITS, sorted(box, key=ranks.__getitem__), strict=True):
            board[cell] = digit
    return next(solver.solutions(board, ranks))


class _Grid:
    """A full grid, and what is known of the boards made from it."""

    def __init__(self, solution: Board) -> None:
        self.solution = solution
        # Sets of cells, as bits: where all of one are blank, another solution fits.
        self._ambiguous: list[int] = []

    def is_only_solution(self, board: Board, blanked: list[int]) -> bool:
        """Return whether the grid is the only solution of a board, given that it is that of the
        board with the blanked cells filled."""
        blanks = sum(1 << cell for cell in CELLS if not board[cell])
        if any(cells & blanks == cells for cells in self._ambiguous):
            return False
        other = solver.other_solution(board, self.solution, blanked)
        if other is not None:
            differs = sum(1 << cell for cell in CELLS if other[cell] != self.solution[cell])
            self._ambiguous.append(differs)
        return other is None


def _as_far_as_techniques_go(grid: _Grid, pairs: list[int], level: int) -> Iterator[Board]:
    """Yield the board that is left when pair after pair of clues goes, each if the techniques up
    to the level still solve the board."""

    def is_solved(board: Board, blanked: list[int]) -> bool:
        return techniques.solve(techniques.candidates(board), hardest=level)

    yield _dug(grid.solution, pairs, is_solved, _FEWEST_CLUES[level])[0]


def _with_the_fewest_clues(grid: _Grid, pairs: list[int], level: int) -> Iterator[Board]:
    """Yield the board that is left when pair after pair of clues goes, each if the solution stays
    the only one, if it is of the level; where it needs more than that, those of the level that one
    pair put back gives."""
    solution = grid.solution
    fewest, removed = _dug(solution, pairs, grid.is_only_solution, _FEWEST_CLUES[level])
    below = techniques.candidates(fewest)
    if techniques.solve(below, hardest=level - 1):
        return
    stuck = list(below)
    if techniques.solve(stuck, hardest=level):
        yield fewest
        return
    for pair in removed:
        clues = [(cell, solution[cell]) for cell in (pair, 80 - pair)]
        # What followed from fewer clues still does, so that the techniques go on from there.
        if not techniques.solve_with(clues, below, hardest=level - 1) and techniques.solve_with(
            clues, stuck, hardest=level
        ):
            yield tuple(
                solution[cell] if cell in (pair, 80 - pair) else fewest[cell] for cell in CELLS
            )


def _dug(
    solution: Board,
    pairs: list[int],
    is_good: Callable[[Board, list[int]], bool],
    fewest_clues: int,
) -> tuple[Board, list[int]]:
    """Return the board without each pair that could go, in order, and these pairs.

    A pair is a cell and the opposite one, so that a half turn maps the clues on themselves.

    Args:
        is_good: whether a board may be had from a good one by taking the clues of some cells.
    """

    def is_allowed(board: Board, blanked: list[int]) -> bool:
        return 81 - board.count(0) >= fewest_clues and is_good(board, blanked)

    # The fewer clues, the worse, so that the first pairs to go are found by halving.
    counts = range(1, len(pairs) + 1)
    first = bisect.bisect_left(
        counts, True, key=lambda count: not is_allowed(*_without(solution, pairs[:count]))
    )
    removed = pairs[:first]
    board, _ = _without(solution, removed)
    for pair in pairs[first:]:
        fewer, blanked = _without(board, [pair])
        if is_allowed(fewer, blanked):
            board = fewer
            removed.append(pair)
    return board, removed


def _without(board: Board, pairs: list[int]) -> tuple[Board, list[int]]:
    """Return the board without these pairs of clues, and the cells of the pairs."""
    blanked = [*pairs, *(80 - cell for cell in pairs)]
    fewer = list(board)
    for cell in blanked:
        fewer[cell] = 0
    return tuple(fewer), blanked
