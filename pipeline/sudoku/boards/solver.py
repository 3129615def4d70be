"""Solve a board by exact cover: every proof that a solution is the only one comes from here.

A Sudoku is an exact cover problem: a choice "digit d in cell c" fills four places (the cell, d in
its row, in its column, in its box), and each of the 324 places is to be filled once. Algorithm X
(Knuth 2000, "Dancing Links", arXiv:cs/0011047) takes a place with few choices, tries each, and
goes back. The choices that are left are the bits of one integer, so that one operation looks at
all 81 places of a kind at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.sudoku.boards.cells import CELLS, DIGITS, PEERS, Board

# Bit 81 · (d - 1) + c is the choice "digit d in cell c".
_EVERY_CHOICE = (1 << 729) - 1


def _number(cell: int, digit: int) -> int:
    return 81 * (digit - 1) + cell


def _bits_of(choices: Iterator[tuple[int, int]]) -> int:
    return sum(1 << _number(cell, digit) for cell, digit in choices)


@dataclass(frozen=True)
class _Kind:
    """Places of one kind. Each has nine choices, which are `shifts` above its first one.

    Attributes:
        first: the first choice of each place, as bits.
        spread: a set of first choices times this is the set of all choices of these places.
    """

    first: int
    shifts: tuple[int, ...]
    spread: int


def _kind(first: Iterator[tuple[int, int]], shifts: Sequence[int]) -> _Kind:
    return _Kind(_bits_of(first), tuple(shifts), sum(1 << shift for shift in shifts))


_KINDS = (
    _kind(((cell, 1) for cell in CELLS), range(0, 729, 81)),  # a cell
    _kind(((cell, d) for cell in range(0, 81, 9) for d in DIGITS), range(9)),  # d in a row
    _kind(((cell, d) for cell in range(9) for d in DIGITS), range(0, 81, 9)),  # d in a column
    _kind(  # d in a box
        ((27 * band + 3 * stack, d) for band in range(3) for stack in range(3) for d in DIGITS),
        (0, 1, 2, 9, 10, 11, 18, 19, 20),
    ),
)
# What may stand beside a choice: all choices but the others of its four places.
_BESIDE = [
    _EVERY_CHOICE
    & ~_bits_of((peer, digit) for peer in PEERS[cell])
    & ~_bits_of((cell, other) for other in DIGITS if other != digit)
    for digit in DIGITS
    for cell in CELLS
]


def solutions(board: Sequence[int], order: Sequence[int] = range(729)) -> Iterator[Board]:
    """Yield the solutions of a board; none where its clues are in conflict.

    Args:
        order: 729 ranks of the choices "digit in cell", digit by digit, by which those of a place
            are tried: with random ones the first solution of an empty board is a random grid.
    """
    for cover in _covers(_beside_clues(board), order):
        yield _grid(cover)


def _beside_clues(board: Sequence[int]) -> int:
    """Return the choices that a board's clues leave, the clues too."""
    left = _EVERY_CHOICE
    for cell, digit in enumerate(board):
        if digit:
            left &= _BESIDE[_number(cell, digit)]
    return left


def _covers(left: int, order: Sequence[int]) -> Iterator[int]:
    """Yield the sets of choices that fill each place once."""
    left = _without_forced(left)
    if not left:
        return
    options = _place_to_try(left)
    if not options:
        yield left
        return
    for number in sorted(_numbers(options), key=order.__getitem__):
        yield from _covers(left & _BESIDE[number], order)


def _without_forced(left: int) -> int:
    """Return the choices that are left when each place with one choice is filled, and so on; 0
    where a place has none."""
    filled, is_settled = 0, False
    while not is_settled:
        is_settled = True
        for kind in _KINDS:
            first = kind.first
            once = twice = 0
            for shift in kind.shifts:
                has = left >> shift & first
                twice |= once & has
                once |= has
            if once != first:
                return 0
            if forced := (once & ~twice) * kind.spread & left & ~filled:
                filled |= forced
                is_settled = False
                while forced:
                    number = forced.bit_length() - 1
                    left &= _BESIDE[number]
                    forced ^= 1 << number
    return left


def _place_to_try(left: int) -> int:
    """Return the choices of a place with two of them, else of the cell with the fewest above one; 0
    where each cell has one."""
    for kind in _KINDS:
        once = twice = thrice = 0
        for shift in kind.shifts:
            has = left >> shift & kind.first
            thrice |= twice & has
            twice |= once & has
            once |= has
        if two := twice & ~thrice:
            return (two & -two) * kind.spread & left
    cell_choices = _KINDS[0].spread
    open_cells = [left & cell_choices << cell for cell in CELLS]
    return min((bits for bits in open_cells if bits & bits - 1), key=int.bit_count, default=0)


def _grid(cover: int) -> Board:
    grid = [0] * 81
    for number in _numbers(cover):
        grid[number % 81] = number // 81 + 1
    return tuple(grid)


def _numbers(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def only_solution(board: Sequence[int]) -> Board | None:
    """Return the solution where there is one and no more, else None."""
    found = solutions(board)
    first = next(found, None)
    return first if first is not None and next(found, None) is None else None


def other_solution(board: Sequence[int], solution: Board, cells: Sequence[int]) -> Board | None:
    """Return another solution of a board than the one that is known; None where there is none.

    Args:
        cells: any other solution differs in one of these: all blanks, or those whose clues were
            taken from a board with one solution.
    """
    left = _without_forced(_beside_clues(board))
    for cell in cells:
        chosen = _number(cell, solution[cell])
        without = left & ~(1 << chosen)
        if not without & _KINDS[0].spread << cell:
            continue  # it has this digit only
        cover = next(_covers(without, range(729)), None)
        if cover is not None:
            return _grid(cover)
        # No other solution differs in this cell: the next ones have its digit.
        left = _without_forced(left & _BESIDE[chosen])
    return None
