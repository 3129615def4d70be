"""Feature networks, each with the input it takes."""
