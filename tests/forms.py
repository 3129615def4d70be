"""Formats of submissions, for tests that write and read zips."""

from pipeline.competitions.form import SubmissionFormat
from pipeline.competitions.registry import COMPETITIONS
from pipeline.images.shape import ImageShape


def form(competition: str) -> SubmissionFormat:
    """Return a competition's format; of one that takes the data's own shape, that of 64 px RGB."""
    return COMPETITIONS[competition].form(ImageShape(64, 3))


DOGS = form("generative-dog-images")
MONET = form("gan-getting-started")
