"""Kaggle's API through Kaggle's own client."""
