"""What the parameters and the networks of the family both know."""

ATTENTION_PX = 32  # side of the maps that attention works on
