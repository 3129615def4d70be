"""The drawn dogs of the embedded data set."""
