"""The only conversions between image files, byte arrays and a network's values."""
