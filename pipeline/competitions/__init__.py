"""Profiles of competitions: what each one takes, allows and publishes, a file a profile."""
