"""Local servers that stand in for the world in tests."""
