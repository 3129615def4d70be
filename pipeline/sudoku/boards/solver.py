"""Solve a board by exact cover: every proof that a solution is the only one comes from here.

A Sudoku is an exact cover problem: a choice "digit d in cell c" fills four places (the cell, d in
its row, in its column, in its box), and each of the 324 places is to be filled once. Algorithm X
(Knuth 2000, "Dancing Links", arXiv:cs/0011047) takes the place with the fewest choices, tries each,
and goes back. The sets of choices are bits of one integer, so that removing is one operation.
"""

from collections.abc import Iterator, Sequence

from pipeline.sudoku.boards.cells import CELLS, DIGITS, Board

_CHOICES = [(cell, digit) for cell in CELLS for digit in DIGITS]
_NUMBER = {choice: number for number, choice in enumerate(_CHOICES)}


def _places(cell: int, digit: int) -> tuple[int, int, int, int]:
    """Return the numbers of the four places that a choice fills."""
    row, column = divmod(cell, 9)
    box = row // 3 * 3 + column // 3
    return (
        cell,
        81 + 9 * row + digit - 1,
        162 + 9 * column + digit - 1,
        243 + 9 * box + digit - 1,
    )


_PLACES = [_places(*choice) for choice in _CHOICES]
_FILLED_BY = [0] * 324  # the choices that fill each place, as bits
for _number, _filled in enumerate(_PLACES):
    for _place in _filled:
        _FILLED_BY[_place] |= 1 << _number
# What a choice rules out: all choices that fill one of its places, itself too.
_RULED_OUT = [
    _FILLED_BY[a] | _FILLED_BY[b] | _FILLED_BY[c] | _FILLED_BY[d] for a, b, c, d in _PLACES
]


def solutions(board: Sequence[int], order: Sequence[int] = range(729)) -> Iterator[Board]:
    """Yield the solutions of a board; none where its clues are in conflict.

    Args:
        order: 729 ranks of the choices "digit in cell", cell by cell, by which those of a place are
            tried: with random ones the first solution of an empty board is a random grid.
    """
    left, open_places = (1 << 729) - 1, set(range(324))
    chosen = []
    for cell, digit in enumerate(board):
        if digit:
            number = _NUMBER[cell, digit]
            if not left >> number & 1:
                return
            left &= ~_RULED_OUT[number]
            open_places.difference_update(_PLACES[number])
            chosen.append(number)
    for cover in _covers(left, open_places, chosen, order):
        grid = [0] * 81
        for number in cover:
            cell, digit = _CHOICES[number]
            grid[cell] = digit
        yield tuple(grid)


def _covers(
    left: int, open_places: set[int], chosen: list[int], order: Sequence[int]
) -> Iterator[list[int]]:
    """Yield the sets of choices that fill every open place, each added to `chosen`."""
    open_places, chosen = set(open_places), list(chosen)
    is_settled = False
    while not is_settled:  # places with one choice, until each has several
        is_settled, best, fewest, at = True, 0, 10, 0
        for place in tuple(open_places):
            options = left & _FILLED_BY[place]
            if not options:
                if place in open_places:
                    return
            elif not options & (options - 1):
                number = options.bit_length() - 1
                left &= ~_RULED_OUT[number]
                open_places.difference_update(_PLACES[number])
                chosen.append(number)
                is_settled = False
            elif (count := options.bit_count()) < fewest or (count == fewest and place < at):
                # A set has no order to rely on, and the first solution must be the same everywhere.
                best, fewest, at = options, count, place
    if not open_places:
        yield chosen
        return
    for number in sorted(_bits(best), key=order.__getitem__):
        yield from _covers(
            left & ~_RULED_OUT[number],
            open_places.difference(_PLACES[number]),
            [*chosen, number],
            order,
        )


def _bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def only_solution(board: Sequence[int]) -> Board | None:
    """Return the solution where there is one and no more, else None."""
    found = solutions(board)
    first = next(found, None)
    return first if first is not None and next(found, None) is None else None


def is_only_solution(board: Sequence[int], solution: Board) -> bool:
    """Return whether a solution of a board is its only one.

    The choices of this solution are tried last, so that any other one would be found before it:
    the first one found decides.
    """
    ranks = [solution[cell] == digit for cell, digit in _CHOICES]
    return next(solutions(board, ranks), None) == solution
