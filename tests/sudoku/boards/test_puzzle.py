"""Boards: one solution, symmetric, of their level, the same for the same seed."""

import statistics
from functools import cache

import pytest

from pipeline.sudoku.boards import cells, puzzle, techniques
from pipeline.sudoku.boards.puzzle import LEVELS, Puzzle
from tests.sudoku.boards import brute_force

SEEDS = range(12)
every_level = pytest.mark.parametrize("level", LEVELS)


@cache
def made(level: str, seed: int) -> Puzzle:
    return puzzle.make(level, seed)


@every_level
def test_the_only_solution_is_the_one_that_trying_digits_finds(level: str) -> None:
    for seed in SEEDS:
        board = made(level, seed)
        found, _ = brute_force.solutions(board.clues)
        assert found == [board.solution]
        assert brute_force.is_full_grid(board.solution)


@every_level
def test_clues_are_symmetric_under_a_half_turn(level: str) -> None:
    for seed in SEEDS:
        filled = [clue > 0 for clue in made(level, seed).clues]
        assert filled == filled[::-1]


@every_level
def test_a_board_needs_the_techniques_of_its_level_and_none_above(level: str) -> None:
    number = LEVELS.index(level)
    for seed in SEEDS:
        board = made(level, seed).clues
        assert techniques.grade(board).level == number
        if number:
            assert techniques.grade(board, hardest=number - 1).level is None


def test_effort_rises_with_the_level() -> None:
    """By our own count, and by how often a search that takes what is certain guesses wrong."""
    own, singles = [], []
    for level in LEVELS:
        boards = [made(level, seed) for seed in SEEDS]
        own.append(statistics.median(board.grade.effort for board in boards))
        singles.append([brute_force.solutions(board.clues)[1] for board in boards])
    assert own == sorted(own) and len(set(own)) == len(own)
    # Easy and medium boards take certain steps all the way; hard ones where pairs are known.
    assert [max(wrong) for wrong in singles[:2]] == [0, 0] and min(singles[2]) > 0
    for seed in SEEDS[:6]:
        _, hard = brute_force.solutions(made("hard", seed).clues, knows_pairs=True)
        _, expert = brute_force.solutions(made("expert", seed).clues, knows_pairs=True)
        assert hard == 0 < expert


def test_levels_and_seeds_give_different_boards_and_the_same_ones_again() -> None:
    boards = {made(level, seed).clues for level in LEVELS for seed in SEEDS}
    assert len(boards) == len(LEVELS) * len(SEEDS)
    assert puzzle.make("hard", 3) == made("hard", 3)


def test_a_board_is_the_one_that_it_was() -> None:
    """A link sent to a friend opens the same board in a year."""
    assert "".join(map(str, made("easy", 7).clues)) == (
        "060300182508691000000200590000500060005136800010007000051003000000419305793002010"
    )


@pytest.mark.parametrize("seed", [puzzle.SEEDS[0], puzzle.SEEDS[-1]])
def test_the_ends_of_the_seeds_work(seed: int) -> None:
    assert made("easy", seed).clues.count(0) <= 47


def test_conflicts_name_each_cell_of_a_pair() -> None:
    board = list(made("easy", 0).solution)
    assert cells.conflicts(board) == []
    board[0] = board[1]
    assert {0, 1} <= set(cells.conflicts(board))
    assert cells.conflicts([0] * 81) == []
