"""Names that no user means: of hidden files, and of what systems leave beside files."""

# What macOS, Windows and network disks leave, in lower case. Names that begin with a dot
# (.DS_Store, ._photo.jpg, .ipynb_checkpoints) need no list.
_LEFT_BY_SYSTEMS = frozenset(
    ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir")
)


def is_hidden(part: str) -> bool:
    """Return whether one file's or folder's own name is hidden, or one that a system leaves."""
    if part in (".", ".."):
        return False
    return part.startswith(".") or part.lower() in _LEFT_BY_SYSTEMS
