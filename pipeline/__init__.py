"""Generative Dog Images: from dog photos to a checked, scored images.zip."""
