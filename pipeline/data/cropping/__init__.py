"""From photos with boxes to square crops."""
