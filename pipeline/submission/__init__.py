"""The submission: the format that a competition's evaluator takes, written, checked, read."""
