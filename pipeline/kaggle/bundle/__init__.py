"""The pipeline as one Kaggle kernel."""
