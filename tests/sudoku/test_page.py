"""The pages as text."""

import re

import pytest

from pipeline.sudoku import page
from pipeline.sudoku.boards import puzzle
from tests.sudoku import synthetic


@pytest.mark.parametrize("level", puzzle.LEVELS)
def test_a_page_of_its_own_is_small_and_asks_for_nothing(level: str) -> None:
    html = page.standalone(synthetic.supply(), level, 7)
    assert len(html.encode()) < 1_000_000
    assert not re.findall(r"""(?:src|href|action)=["'](?!data:)[^"']+""", html)
    assert "http:" not in html and "https:" not in html and "@import" not in html
    solution = puzzle.make(level, 7).solution
    assert ",".join(map(str, solution)) not in html.replace(" ", "")


def test_the_same_board_gives_the_same_page() -> None:
    first = page.standalone(synthetic.supply(), "easy", 7)
    assert page.standalone(synthetic.supply(), "easy", 7) == first
    assert page.standalone(synthetic.supply(), "easy", 8) != first


def test_names_are_text_not_markup() -> None:
    from dataclasses import replace

    odd = replace(synthetic.supply(), source="<script>alert(1)</script>")
    assert "<script>alert" not in page.about_page(odd).html
    assert "<script>alert" not in page.standalone(odd, "easy", 7)
