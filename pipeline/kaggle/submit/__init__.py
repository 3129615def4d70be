"""A submission to Kaggle, step by step, never twice."""
