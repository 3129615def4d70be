"""Disks without room: a file system of a given size where the system lets us mount one, and a limit
on the size of a file elsewhere."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Yield the folder as a file system of its own that holds so many bytes; skip the test where
    that takes rights that we do not have."""
    folder.mkdir(parents=True, exist_ok=True)
    if not sys.platform.startswith("linux"):
        pytest.skip("a small file system is made with Linux's tmpfs")
    options = f"size={size_bytes}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting a small file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, left_bytes: int) -> None:
    """Fill the file system of the folder but for so many bytes (in whole pages)."""
    used = shutil.disk_usage(folder).free - left_bytes
    if used > 0:
        (folder / "filling").write_bytes(bytes(used))


@contextmanager
def files_limited(largest_bytes: int) -> Iterator[None]:
    """Have this process write no file larger than this: a write beyond it fails with EFBIG, as one
    on a full disk does with ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
