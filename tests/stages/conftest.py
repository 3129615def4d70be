"""The stages that speak to Kaggle speak to the stand-in."""

from tests.kaggle.conftest import kaggle

__all__ = ["kaggle"]
