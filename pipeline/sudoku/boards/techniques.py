"""The techniques by which a person solves a board, from the easiest on, and the grade of a board.

Each looks at candidates, the digits that may still stand in a blank cell, and finds a digit to
place or candidates to remove; names as in Davis 2010, "The Mathematics of Sudoku". All of them are
sound, so a board that they solve has one solution. The page's hints know the same techniques.

Candidates are one integer a cell: bit d - 1 says that digit d may stand there; 0 for a filled cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from pipeline.sudoku.boards.cells import BOXES, CELLS, COLUMNS, PEERS, ROWS, UNITS, UNITS_OF, Board

_ALL = 0b111111111
_BITS = tuple(1 << number for number in range(9))


@dataclass(frozen=True)
class Deduction:
    """What one use of a technique gives: bits to place in a cell, or to remove from cells."""

    places: tuple[int, int] | None = None
    removes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Technique:
    """A way to find something out from the candidates.

    Attributes:
        name: as people call it.
        level: number of the easiest level of boards that need it, from 0 on.
        cost: effort of one use, in uses of the easiest technique.
    """

    name: str
    level: int
    cost: int
    find: Callable[[list[int]], Iterator[Deduction]]


@dataclass(frozen=True)
class Grade:
    """What solving a board takes.

    Attributes:
        level: that of the hardest technique used; None where the techniques do not solve the board.
        effort: the costs of all uses, added up.
        uses: how often each technique was used, by name.
    """

    level: int | None
    effort: int
    uses: dict[str, int]


def candidates(board: Sequence[int]) -> list[int]:
    """Return the candidates that the filled cells leave."""
    bits = [digit and _BITS[digit - 1] for digit in board]
    taken = {unit: _union(bits, unit) for unit in UNITS}
    left = []
    for cell, (row, column, box) in enumerate(UNITS_OF):
        left.append(0 if bits[cell] else _ALL & ~(taken[row] | taken[column] | taken[box]))
    return left


def grade(board: Board, *, hardest: int = 3) -> Grade:
    """Solve a board, at each step by the easiest technique that helps, up to level `hardest`."""
    left = candidates(board)
    blanks = board.count(0)
    level = effort = 0
    uses: Counter[str] = Counter()
    for technique, used in _steps(left, hardest):
        blanks -= sum(found.places is not None for found in used)
        uses[technique.name] += len(used)
        effort += technique.cost * len(used)
        level = max(level, technique.level)
    return Grade(None if blanks else level, effort, dict(uses))


def solve(left: list[int], *, hardest: int) -> bool:
    """Change the candidates of a board with a solution until no technique up to level `hardest`
    helps; return whether every cell is filled."""
    for _ in _steps(left, hardest):
        pass
    return not any(left)


def solve_with(clues: Sequence[tuple[int, int]], left: list[int], *, hardest: int) -> bool:
    """Return what `solve` would return with further clues, (cell, digit) each; the candidates stay
    as they are."""
    left = list(left)
    for cell, digit in clues:
        _apply(left, Deduction(places=(cell, _BITS[digit - 1])))
    return solve(left, hardest=hardest)


def _steps(left: list[int], hardest: int) -> Iterator[tuple[Technique, list[Deduction]]]:
    """Yield the easiest technique that helps and its uses, each time the candidates have been
    changed by these."""
    usable = [technique for technique in TECHNIQUES if technique.level <= hardest]
    is_stuck = False
    while not is_stuck:
        is_stuck = True
        for technique in usable:
            # All that is there to be seen at once; what another use settled meanwhile is no use.
            used = [found for found in list(technique.find(left)) if _apply(left, found)]
            if used:
                yield technique, used
                is_stuck = False
                break


def _apply(left: list[int], found: Deduction) -> bool:
    """Change the candidates; return whether there was something to change."""
    if found.places is not None:
        cell, bit = found.places
        if not left[cell] & bit:
            return False
        left[cell] = 0
        for peer in PEERS[cell]:
            left[peer] &= ~bit
        return True
    changed = False
    for cell, bits in found.removes:
        changed |= bool(left[cell] & bits)
        left[cell] &= ~bits
    return changed


# --- techniques that place a digit ----------------------------------------------------------------


def _only_places(units: Sequence[tuple[int, ...]]) -> Callable[[list[int]], Iterator[Deduction]]:
    """Return the technique: a digit that has one place left in a unit (a hidden single)."""

    def find(left: list[int]) -> Iterator[Deduction]:
        for unit in units:
            once = twice = 0
            for cell in unit:
                twice |= once & left[cell]
                once |= left[cell]
            if single := once & ~twice:
                for cell in unit:
                    if bit := left[cell] & single:
                        yield Deduction(places=(cell, bit & -bit))

    return find


def _only_digits(left: list[int]) -> Iterator[Deduction]:
    """A cell with one candidate (a naked single)."""
    for cell in CELLS:
        if left[cell].bit_count() == 1:
            yield Deduction(places=(cell, left[cell]))


# --- techniques that remove candidates ------------------------------------------------------------


def _segments() -> list[tuple[tuple[int, ...], list[int], list[int]]]:
    """Return the three cells that each box has in common with each line that crosses it, with the
    numbers of the other two such segments of the box, and of the line."""
    crossing = [
        (tuple(cell for cell in line if cell in box), box, line)
        for lines in (ROWS, COLUMNS)
        for line in lines
        for box in BOXES
        if any(cell in box for cell in line)
    ]
    in_rows = range(27)  # the others are in columns
    return [
        (
            cells,
            [
                other
                for other, (_, its_box, _) in enumerate(crossing)
                if its_box == box and other != number and (other in in_rows) == (number in in_rows)
            ],
            [
                other
                for other, (_, _, its_line) in enumerate(crossing)
                if its_line == line and other != number
            ],
        )
        for number, (cells, box, line) in enumerate(crossing)
    ]


_SEGMENTS = _segments()


def _locked(left: list[int]) -> Iterator[Deduction]:
    """A digit that a box has in one line only is nowhere else in that line (pointing); one that a
    line has in one box only is nowhere else in that box (claiming)."""
    has = [_union(left, cells) for cells, _, _ in _SEGMENTS]
    for shared, (_, in_box, in_line) in zip(has, _SEGMENTS, strict=True):
        box, line = _union(has, in_box), _union(has, in_line)
        for removed, others in ((shared & ~box & line, in_line), (shared & ~line & box, in_box)):
            if removed:
                cells = [cell for number in others for cell in _SEGMENTS[number][0]]
                yield Deduction(removes=tuple((cell, removed) for cell in cells))


def _naked(size: int) -> Callable[[list[int]], Iterator[Deduction]]:
    """Return the technique: so many cells of a unit with so many candidates among them take these
    digits; the unit's other cells lose them."""

    def find(left: list[int]) -> Iterator[Deduction]:
        for unit in UNITS:
            cells = [cell for cell in unit if 2 <= left[cell].bit_count() <= size]
            for chosen in combinations(cells, size):
                bits = _union(left, chosen)
                if bits.bit_count() != size:
                    continue
                others = tuple(cell for cell in unit if cell not in chosen)
                if bits & _union(left, others):
                    yield Deduction(removes=tuple((cell, bits) for cell in others))

    return find


def _hidden(size: int) -> Callable[[list[int]], Iterator[Deduction]]:
    """Return the technique: so many digits with so many places among them in a unit take these
    cells, which lose all other candidates."""

    def find(left: list[int]) -> Iterator[Deduction]:
        for unit in UNITS:
            places = _places(left, unit)
            fitting = [n for n in range(9) if 2 <= places[n].bit_count() <= size]
            for chosen in combinations(fitting, size):
                where = _union(places, chosen)
                if where.bit_count() != size:
                    continue
                cells = [cell for number, cell in enumerate(unit) if where >> number & 1]
                others = _ALL & ~_union(_BITS, chosen)
                if others & _union(left, cells):
                    yield Deduction(removes=tuple((cell, others) for cell in cells))

    return find


def _fish(size: int) -> Callable[[list[int]], Iterator[Deduction]]:
    """Return the technique: a digit that so many rows have in so many columns only is in no other
    row of these columns, and the other way round (X-wing, swordfish)."""

    def find(left: list[int]) -> Iterator[Deduction]:
        for lines, across in ((ROWS, COLUMNS), (COLUMNS, ROWS)):
            by_digit = zip(*(_places(left, line) for line in lines), strict=True)
            for bit, places in zip(_BITS, by_digit, strict=True):
                fitting = [n for n in range(9) if 2 <= places[n].bit_count() <= size]
                for chosen in combinations(fitting, size):
                    where = _union(places, chosen)
                    if where.bit_count() != size:
                        continue
                    removed = tuple(
                        (across[place][number], bit)
                        for place in range(9)
                        if where >> place & 1
                        for number in range(9)
                        if number not in chosen
                    )
                    if any(left[cell] & bit for cell, _ in removed):
                        yield Deduction(removes=removed)

    return find


def _wings(left: list[int]) -> Iterator[Deduction]:
    """A cell with candidates xy that sees two cells with xz and yz: one of the two is z, and what
    sees both is not (XY-wing)."""
    pairs = [cell for cell in CELLS if left[cell].bit_count() == 2]
    for pivot in pairs:
        seen = [cell for cell in pairs if cell in PEERS[pivot]]
        for one, other in combinations(seen, 2):
            z = left[one] & left[other]
            if (
                z.bit_count() == 1
                and not z & left[pivot]
                and left[one] ^ left[other] == left[pivot]
            ):
                removed = tuple((cell, z) for cell in PEERS[one] & PEERS[other] if left[cell] & z)
                if removed:
                    yield Deduction(removes=removed)


def _union(sets: Sequence[int], chosen: Sequence[int]) -> int:
    """Return the union of some of these sets of bits."""
    bits = 0
    for number in chosen:
        bits |= sets[number]
    return bits


# Of each set of digits: bit 9 · (d - 1) for digit d.
_APART = [sum(1 << 9 * n for n in range(9) if digits >> n & 1) for digits in range(512)]


def _places(left: list[int], unit: tuple[int, ...]) -> list[int]:
    """Return the places of each digit from 1 on in a unit: bit n for its n-th cell."""
    packed = 0
    for number, cell in enumerate(unit):
        packed |= _APART[left[cell]] << number
    return [packed >> 9 * number & _ALL for number in range(9)]


TECHNIQUES = (
    Technique("only place in a box", 0, 1, _only_places(BOXES)),
    Technique("only place in a row or column", 1, 2, _only_places(ROWS + COLUMNS)),
    Technique("only digit for a cell", 1, 3, _only_digits),
    Technique("locked candidates", 2, 10, _locked),
    Technique("naked pair", 2, 15, _naked(2)),
    Technique("hidden pair", 2, 20, _hidden(2)),
    Technique("naked triple", 3, 30, _naked(3)),
    Technique("hidden triple", 3, 40, _hidden(3)),
    Technique("X-wing", 3, 40, _fish(2)),
    Technique("XY-wing", 3, 50, _wings),
    Technique("swordfish", 3, 60, _fish(3)),
)
