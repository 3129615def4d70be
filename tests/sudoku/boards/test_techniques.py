"""Each technique on a position that shows it, and its soundness on boards with a known solution."""

import pytest

from pipeline.sudoku.boards import puzzle, techniques
from pipeline.sudoku.boards.cells import CELLS, PEERS
from pipeline.sudoku.boards.techniques import TECHNIQUES

ALL = 0b111111111
BY_NAME = {technique.name: technique for technique in TECHNIQUES}


def bits(*digits: int) -> int:
    return sum(1 << digit - 1 for digit in digits)


def cell(row: int, column: int) -> int:
    return 9 * (row - 1) + column - 1


def removed(name: str, left: list[int]) -> dict[int, int]:
    """Return what a technique removes in all: bits by cell, those that are there."""
    gone: dict[int, int] = {}
    for found in BY_NAME[name].find(left):
        for where, what in found.removes:
            if left[where] & what:
                gone[where] = gone.get(where, 0) | left[where] & what
    return gone


def without(digit: int, cells: list[int]) -> list[int]:
    """Return full candidates, less a digit in some cells."""
    return [ALL & ~bits(digit) if place in cells else ALL for place in CELLS]


def test_the_only_place_in_a_box_a_row_and_a_column() -> None:
    box = without(5, [cell(r, c) for r in (1, 2, 3) for c in (1, 2, 3) if (r, c) != (2, 3)])
    places = [found.places for found in BY_NAME["only place in a box"].find(box)]
    assert places == [(cell(2, 3), bits(5))]
    row = without(5, [cell(4, c) for c in range(1, 9)])
    places = [found.places for found in BY_NAME["only place in a row or column"].find(row)]
    assert places == [(cell(4, 9), bits(5))]


def test_the_only_digit_of_a_cell() -> None:
    left = [ALL] * 81
    left[40] = bits(3)
    found = [each.places for each in BY_NAME["only digit for a cell"].find(left)]
    assert found == [(40, bits(3))]


def test_pointing_and_claiming() -> None:
    # In the first box, 5 only in row 1: none in the rest of row 1.
    pointing = without(5, [cell(r, c) for r in (2, 3) for c in (1, 2, 3)])
    assert removed("locked candidates", pointing) == {cell(1, c): bits(5) for c in range(4, 10)}
    # In row 1, 5 only in the first box: none in the rest of that box.
    claiming = without(5, [cell(1, c) for c in range(4, 10)])
    wanted = {cell(r, c): bits(5) for r in (2, 3) for c in (1, 2, 3)}
    assert removed("locked candidates", claiming) == wanted


def test_naked_pairs_and_triples() -> None:
    left = [ALL] * 81
    left[cell(1, 1)] = left[cell(1, 5)] = bits(2, 7)
    assert removed("naked pair", left) == {
        cell(1, c): bits(2, 7) for c in range(1, 10) if c not in (1, 5)
    }
    left = [ALL] * 81
    left[cell(1, 1)], left[cell(1, 5)], left[cell(1, 9)] = bits(2, 7), bits(7, 8), bits(2, 8)
    assert removed("naked pair", left) == {}
    assert removed("naked triple", left) == {
        cell(1, c): bits(2, 7, 8) for c in range(1, 10) if c not in (1, 5, 9)
    }


def test_hidden_pairs_and_triples() -> None:
    row = [cell(1, c) for c in range(1, 10)]
    left = [ALL & ~bits(4, 6) if place in row else ALL for place in CELLS]
    left[cell(1, 2)] = left[cell(1, 8)] = ALL
    others = bits(1, 2, 3, 5, 7, 8, 9)
    assert removed("hidden pair", left) == {cell(1, 2): others, cell(1, 8): others}
    left = [ALL & ~bits(4, 6, 9) if place in row else ALL for place in CELLS]
    left[cell(1, 2)] |= bits(4, 6)
    left[cell(1, 5)] |= bits(6, 9)
    left[cell(1, 8)] |= bits(4, 9)
    others = bits(1, 2, 3, 5, 7, 8)
    assert removed("hidden pair", left) == {}
    assert removed("hidden triple", left) == {cell(1, c): others for c in (2, 5, 8)}


def test_x_wing_and_swordfish() -> None:
    def fish(rows: dict[int, tuple[int, ...]]) -> list[int]:
        return without(5, [cell(r, c) for r in rows for c in range(1, 10) if c not in rows[r]])

    left = fish({1: (2, 6), 8: (2, 6)})
    wanted = {cell(r, c): bits(5) for r in range(1, 10) if r not in (1, 8) for c in (2, 6)}
    assert removed("X-wing", left) == wanted
    left = fish({1: (2, 6), 5: (6, 9), 8: (2, 9)})
    assert removed("X-wing", left) == {}
    wanted = {cell(r, c): bits(5) for r in range(1, 10) if r not in (1, 5, 8) for c in (2, 6, 9)}
    assert removed("swordfish", left) == wanted


def test_xy_wing() -> None:
    left = [ALL] * 81
    pivot, one, other = cell(1, 1), cell(1, 7), cell(3, 2)
    left[pivot], left[one], left[other] = bits(1, 2), bits(1, 3), bits(2, 3)
    seen_by_both = PEERS[one] & PEERS[other] - {pivot}
    assert removed("XY-wing", left) == {place: bits(3) for place in seen_by_both}
    left[other] = bits(2, 4)  # no digit in common
    assert removed("XY-wing", left) == {}
    left[other] = bits(1, 3)  # the same pair twice leaves 2 in the pivot open
    assert removed("XY-wing", left) == {}


@pytest.mark.parametrize("level", puzzle.LEVELS)
def test_no_technique_removes_what_the_solution_holds(level: str) -> None:
    for seed in range(5):
        made = puzzle.make(level, seed)
        left = techniques.candidates(made.clues)
        for technique in TECHNIQUES:
            for found in technique.find(left):
                if found.places is not None:
                    place, bit = found.places
                    assert bit == bits(made.solution[place]), technique.name
                for place, gone in found.removes:
                    if left[place]:
                        assert not gone & bits(made.solution[place]), technique.name


def test_a_board_with_two_solutions_is_not_solved() -> None:
    grade = techniques.grade((0,) * 81)
    assert grade.level is None and grade.uses == {}
