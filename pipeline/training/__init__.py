"""Training: the loop, its state and checkpoints; how it learns (`engine`) and what is logged of it
(`monitor`)."""
