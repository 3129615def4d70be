"""What the keys of outputs/metrics.json say when runs are compared."""

# Two scores are comparable only where all of these are equal.
MEASURE = ("extractor", "extractor_sha256", "extractor_precision", "reference", "reference_images")
LOWER_IS_BETTER = {"mifid", "fid", "kid", "duplicates", "duplicates_share"}
HIGHER_IS_BETTER = {
    "precision",
    "recall",
    "density",
    "coverage",
    "class_accuracy",
    "classification_accuracy",
}
