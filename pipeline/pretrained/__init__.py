"""Generators that come with the package, to be tried before anything is trained.

No stage imports this: competitions forbid pretrained weights, so that these never enter a kernel or
a training. MODEL_CARD.md says how each was made.
"""
