"""How the two players learn."""
