"""How the embedded feature network was made and judged."""
