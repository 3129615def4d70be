"""The solver against published boards and against one that tries digits."""

import itertools

import numpy as np
import pytest

from pipeline.sudoku.boards import solver
from tests.sudoku.boards import brute_force

# Norvig, "Solving Every Sudoku Puzzle"; the last one by Inkala (2010).
PUBLISHED = (
    "003020600900305001001806400008102900700000008006708200002609500800203009005010300",
    "4.....8.5.3..........7......2.....6.....8.4......1.......6.3.7.5..2.....1.4......",
    "..53.....8......2..7..1.5..4....53...1..7...6..32...8..6.5....9..4....3......97..",
)


def board(text: str) -> tuple[int, ...]:
    return tuple(int(sign) if sign.isdigit() else 0 for sign in text)


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_boards_have_one_solution_that_keeps_their_clues(text: str) -> None:
    found = solver.only_solution(board(text))
    assert found is not None and brute_force.is_full_grid(found)
    assert all(clue in (0, digit) for clue, digit in zip(board(text), found, strict=True))


def test_it_finds_what_trying_digits_finds() -> None:
    rng = np.random.default_rng(0)
    grid = next(solver.solutions([0] * 81))
    for blanks in (20, 40, 50, 55):
        clues = list(grid)
        for cell in rng.permutation(81)[:blanks]:
            clues[cell] = 0
        ours = set(itertools.islice(solver.solutions(clues), 6))
        theirs, _ = brute_force.solutions(tuple(clues), most=6)
        assert len(ours) == len(theirs)
        assert len(ours) == 6 or ours == set(theirs)


def test_two_solutions_are_not_one() -> None:
    """Four cells of two digits that can be swapped."""
    grid = next(solver.solutions([0] * 81))
    for one, other in itertools.combinations(range(9), 2):
        for row in range(0, 81, 9):
            for below in range(row + 9, 81, 9):
                corners = [row + one, row + other, below + one, below + other]
                a, b, c, d = (grid[cell] for cell in corners)
                if (a, b) == (d, c) and (one // 3 == other // 3 or row // 27 == below // 27):
                    clues = [0 if cell in corners else digit for cell, digit in enumerate(grid)]
                    assert solver.only_solution(clues) is None
                    assert len(list(solver.solutions(clues))) == 2
                    return
    pytest.fail("this grid has no such rectangle: take another one")


def test_clues_in_conflict_have_no_solution() -> None:
    assert list(solver.solutions([5, 5] + [0] * 79)) == []
    # No conflict between clues, but no digit is left for the first cell.
    assert list(solver.solutions([0, 1, 2, 3, 4, 5, 6, 7, 8] + [9] + [0] * 71)) == []


def test_the_order_of_choices_decides_which_grid_comes_first() -> None:
    first = next(solver.solutions([0] * 81, range(729)))
    last = next(solver.solutions([0] * 81, range(729, 0, -1)))
    assert first[0] == 1 and last[0] == 9
    assert brute_force.is_full_grid(first) and brute_force.is_full_grid(last)


def test_another_solution_is_found_where_there_is_one() -> None:
    """Against enumeration, on boards with one, few and many solutions."""
    rng = np.random.default_rng(1)
    grid = next(solver.solutions([0] * 81, rng.permutation(729)))
    found = []
    for blanks in (30, 40, 44, 46, 48, 50, 52, 55, 81):
        clues = list(grid)
        for cell in rng.permutation(81)[:blanks]:
            clues[cell] = 0
        blank = [cell for cell in range(81) if not clues[cell]]
        other = solver.other_solution(clues, grid, blank)
        found.append(other is None)
        assert found[-1] == (solver.only_solution(clues) is not None)
        assert found[-1] == (len(brute_force.solutions(tuple(clues))[0]) == 1)
        if other is not None:
            assert brute_force.is_full_grid(other) and other != grid
            assert all(clue in (0, digit) for clue, digit in zip(clues, other, strict=True))
    assert True in found and False in found


def test_a_solution_that_differs_in_cells_just_blanked_is_found() -> None:
    """Clue after clue of a board with one solution: the answer for the cell alone is that for all
    blanks."""
    clues = list(solver.only_solution(board(PUBLISHED[0])))
    solution = tuple(clues)
    found = []
    for cell in np.random.default_rng(2).permutation(81).tolist():
        clues[cell] = 0
        blank = [other for other in range(81) if not clues[other]]
        other = solver.other_solution(clues, solution, [cell])
        found.append(other is None)
        assert (solver.other_solution(clues, solution, blank) is None) == found[-1]
        if other is not None:
            assert other[cell] != solution[cell]
            clues[cell] = solution[cell]
    assert True in found and False in found
    assert solver.only_solution(clues) == solution
