"""Families of models, the layers they share, sampling, and the file of a finished generator."""
