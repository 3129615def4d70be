"""An independent way to solve a board: try digits. It shares nothing with the package."""

import itertools

_UNITS = [
    *([9 * n + m for m in range(9)] for n in range(9)),
    *([9 * m + n for m in range(9)] for n in range(9)),
    *([9 * (3 * (n // 3) + m // 3) + 3 * (n % 3) + m % 3 for m in range(9)] for n in range(9)),
]
_PEERS = [{other for unit in _UNITS if cell in unit for other in unit} for cell in range(81)]

_CROSSINGS = [
    (unit, [set(other) for other in _UNITS if len(set(unit) & set(other)) == 3]) for unit in _UNITS
]


def solutions(
    board: tuple[int, ...], most: int = 2, *, knows_pairs: bool = False
) -> tuple[list[tuple[int, ...]], int]:
    """Return up to `most` solutions of a board, and how often a guess was wrong on the way.

    Where a cell has one digit left, or a digit one place in a row, column or box, that is taken;
    else the digits of the cell with the fewest are tried one after the other.

    Args:
        knows_pairs: what pairs and locked candidates rule out is not tried.
    """
    grid = list(board)
    found: list[tuple[int, ...]] = []
    wrong = 0

    def options() -> list[tuple[int, int]]:
        """Return what to try next, as cells and digits: one where something is certain."""
        left = {
            cell: set(range(1, 10)) - {grid[peer] for peer in _PEERS[cell]}
            for cell in range(81)
            if not grid[cell]
        }
        if knows_pairs:
            _rule_out_by_pairs(left)
        cell = min(left, key=lambda cell: len(left[cell]))
        best = [(cell, digit) for digit in sorted(left[cell])]
        for unit in _UNITS:
            for digit in range(1, 10):
                if all(grid[cell] != digit for cell in unit) and len(best) > 1:
                    places = [cell for cell in unit if digit in left.get(cell, ())]
                    if len(places) <= 1:
                        best = [(cell, digit) for cell in places]
        return best

    def search() -> None:
        nonlocal wrong
        if 0 not in grid:
            found.append(tuple(grid))
            return
        for cell, digit in options():
            before = len(found)
            grid[cell] = digit
            search()
            grid[cell] = 0
            wrong += len(found) == before
            if len(found) >= most:
                return

    search()
    return found, wrong


def _rule_out_by_pairs(left: dict[int, set[int]]) -> None:
    """Remove digits of blank cells until pairs and locked candidates rule out no more."""
    before, count = 0, sum(map(len, left.values()))
    while count != before:
        for unit, crossings in _CROSSINGS:
            blanks = [cell for cell in unit if cell in left]
            places = {d: {cell for cell in blanks if d in left[cell]} for d in range(1, 10)}
            for one, other in itertools.combinations(blanks, 2):
                if left[one] == left[other] and len(left[one]) == 2:
                    for cell in set(blanks) - {one, other}:
                        left[cell] -= left[one]
            for one, other in itertools.combinations(range(1, 10), 2):
                if places[one] == places[other] and len(places[one]) == 2:
                    for cell in places[one]:
                        left[cell] &= {one, other}
            for crossing in crossings:
                for digit, cells in places.items():
                    if 0 < len(cells) <= 3 and cells <= crossing:
                        for cell in crossing & left.keys() - cells:
                            left[cell].discard(digit)
        before, count = count, sum(map(len, left.values()))


def is_full_grid(grid: tuple[int, ...]) -> bool:
    """Return whether each row, column and box holds 1 to 9."""
    wanted = list(range(1, 10))
    rows = [list(grid[9 * n : 9 * n + 9]) for n in range(9)]
    columns = [list(grid[n::9]) for n in range(9)]
    boxes = [
        [grid[9 * (3 * (n // 3) + m // 3) + 3 * (n % 3) + m % 3] for m in range(9)]
        for n in range(9)
    ]
    return all(sorted(unit) == wanted for unit in rows + columns + boxes)
