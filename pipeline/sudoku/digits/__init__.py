"""Generated digits that a classifier reads without doubt."""
