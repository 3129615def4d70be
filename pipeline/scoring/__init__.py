"""The score: MiFID and what stands beside it."""
