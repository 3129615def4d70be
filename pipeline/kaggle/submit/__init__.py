"""Submit to Kaggle, step by step, and nothing twice."""
