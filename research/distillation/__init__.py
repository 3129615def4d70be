"""How the embedded feature network was trained and evaluated."""
