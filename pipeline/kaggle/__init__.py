"""The only rooms that know Kaggle."""
