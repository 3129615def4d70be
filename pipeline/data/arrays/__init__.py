"""Data sets that are arrays of small images already: their files, and the arrays in data/raw."""
