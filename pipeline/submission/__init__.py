"""The competition's format: what images.zip holds, written and checked."""
