"""Find out where a run comes from: the git commit, the versions of what computed it."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

# What the numbers and images depend on.
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "pandas", "pillow", "matplotlib", "dvc")
# What a run itself changes, of the files that git tracks.
RESULTS = ("dvc.lock", "outputs")


def commit(folder: Path) -> str:
    """Return the commit checked out around `folder`, and whether files differ from it that are no
    result of a run."""
    found = _git(folder, "rev-parse", "HEAD")
    if found is None:
        return "not a git checkout"
    others = [":(top)", *(f":(top,exclude){name}" for name in RESULTS)]
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", *others)
    return found + (" with changes not committed" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Python, the machine and the libraries, as installed here."""
    found = {"python": platform.python_version(), "machine": platform.platform(terse=True)}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
