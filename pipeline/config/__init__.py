"""params.yaml: read, checked, changed."""
