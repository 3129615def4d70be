"""One rule for the names of files, whether they lie in an archive or in a folder."""

import re
import unicodedata

from pipeline.common.hidden import is_hidden

# A control character, a back slash (a separator on Windows), or a byte that is no UTF-8 (Python
# keeps it as a lone surrogate), which could not be written to the index.
_UNSAFE = r"[\\\x00-\x1f\x7f\ud800-\udfff]"
# Also an absolute path, or a drive letter.
_UNSAFE_NAME = re.compile(rf"^/|^[A-Za-z]:|{_UNSAFE}")

UNSAFE = "unsafe name"
HIDDEN = "hidden file"


def normal(name: str) -> str:
    """Return a name without `./`, doubled slashes and a slash at its end."""
    if "//" in name or "./" in name or name.endswith("/"):
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name


def fault(name: str) -> str | None:
    """Return why a file of this name is not taken (`UNSAFE`, `HIDDEN`), or None.

    Args:
        name: path below the archive's or the folder's top, with slashes.
    """
    parts = normal(name).split("/")
    if parts == [""] or ".." in parts or _UNSAFE_NAME.search(name):
        return UNSAFE
    if any(is_hidden(part) for part in parts):
        return HIDDEN
    return None


def as_class(folder: str) -> str:
    """Return the class that a folder's own name gives, also where a file may not be called so: the
    user has named that folder. `.photos` gives `photos`."""
    label = re.sub(_UNSAFE, "_", folder).lstrip(".")
    return label if label and not is_hidden(label) else "images"


def same_text(name: str) -> str:
    """Return the form in which two names are compared: Unicode's NFC, since macOS writes an é as
    two characters and other systems as one."""
    return unicodedata.normalize("NFC", name)
