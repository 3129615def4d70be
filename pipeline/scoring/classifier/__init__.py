"""A small classifier of the labelled data: trained on it, kept in a file, and what it says of
samples."""
