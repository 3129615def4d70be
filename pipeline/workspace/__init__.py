"""The checkout as git and DVC see it: what DVC needs, what a kill left, what is damaged."""
