"""Sudoku boards: solved, graded by what a person needs, and made from a seed."""
