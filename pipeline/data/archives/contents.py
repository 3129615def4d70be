"""What a file is that should be an archive and is none, told from its first bytes."""

from pipeline.data.archives.base import PositionedFile

# First bytes -> what the file is, and what to do.
_KINDS = (
    (b"\x1f\x8b", "compressed by gzip", "decompress it first (gzip -d)"),
    (b"BZh", "compressed by bzip2", "decompress it first (bzip2 -d)"),
    (b"\xfd7zXZ\0", "compressed by xz", "decompress it first (xz -d)"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", "decompress it first (zstd -d)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and pack it again"),
    (b"Rar!", "a rar archive", "unpack it and pack it again"),
)
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_TAR_MAGIC = slice(257, 262)


def fault(file: PositionedFile, *, expected: str, error: Exception) -> str:
    """Return what a file is instead of an archive, in brackets, and what to do.

    Args:
        file: the opened file.
        expected: `tar` or `zip`.
        error: what its reader said, for a file that is nothing known.
    """
    start = file.read_at(0, 512)
    if not start:
        return "(the file is empty); fetch it again"
    for magic, what, remedy in _KINDS:
        if start.startswith(magic):
            return f"(it is {what}); {remedy}"
    if start.startswith(_EMPTY_ZIP):
        return "(it is a zip without files); fetch it again"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return "(it is a web page: an error or a login); open its address in a browser"
    if expected == "tar" and start.startswith(_ZIP):
        return "(it is a zip); unpack it and pack it as a tar"
    if expected == "zip" and start[_TAR_MAGIC] == b"ustar":
        return "(it is a tar); give it the name .tar"
    return f"({error}); fetch it again"
