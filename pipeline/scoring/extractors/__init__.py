"""Feature networks. Each knows the shape of its own input."""
