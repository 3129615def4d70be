"""Tests of pipeline/kaggle against the stand-in, through the real client."""
