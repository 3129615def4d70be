"""Sudoku with generated digits: boards, certified digits, and the pages to play on."""
