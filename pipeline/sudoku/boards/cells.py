"""The cells of a board, and what belongs together.

A board is a tuple of 81 numbers, row by row: 1 to 9, and 0 for a blank.
"""

from collections.abc import Sequence

Board = tuple[int, ...]

DIGITS = range(1, 10)
CELLS = range(81)
ROWS = tuple(tuple(range(9 * row, 9 * row + 9)) for row in range(9))
COLUMNS = tuple(tuple(range(column, 81, 9)) for column in range(9))
BOXES = tuple(
    tuple(27 * band + 3 * stack + 9 * row + column for row in range(3) for column in range(3))
    for band in range(3)
    for stack in range(3)
)
UNITS = ROWS + COLUMNS + BOXES
UNITS_OF = tuple(tuple(unit for unit in UNITS if cell in unit) for cell in CELLS)
PEERS = tuple(
    frozenset(other for unit in UNITS_OF[cell] for other in unit) - {cell} for cell in CELLS
)


def conflicts(board: Sequence[int]) -> list[int]:
    """Return the cells whose digit stands once more in their row, column or box, ascending."""
    return [
        cell
        for cell in CELLS
        if board[cell] and any(board[peer] == board[cell] for peer in PEERS[cell])
    ]
