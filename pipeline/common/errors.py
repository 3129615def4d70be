"""Errors that a user can act on: the command line prints each as one line and exits with 1.

Anything that is not a `PipelineError` is a defect of ours and keeps its traceback.
"""


class PipelineError(Exception):
    """Something outside the program went wrong. The message says what, where, and what to do."""


class InputError(PipelineError, ValueError):
    """The user's input (a parameter, a file, an archive) is not usable as it is."""
