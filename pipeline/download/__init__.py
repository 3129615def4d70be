"""One resumable HTTP client for sources, weights and Kaggle."""
